// Copies and conversions of dtype, memory format and device.
#pragma once

#include "core/tensor.h"

namespace tessera {

// A fresh copy in the given memory format. Gradient: the identity.
Tensor clone(const Tensor& x, MemoryFormat format = MemoryFormat::Preserve);
// x itself if it lies in memory in that format already, else a copy. Gradient: the identity.
Tensor contiguous(const Tensor& x, MemoryFormat format = kContiguous);
// x in another dtype (as C++ converts; floating to bool is != 0), memory order kept. Gradient: converted back. Where nothing
// changes and no copy is asked for, x itself.
Tensor to(const Tensor& x, ScalarType dtype, bool copy = false);
Tensor to(const Tensor& x, Device device, bool copy = false);

// target[...] = source, broadcast to target's shape and converted to its dtype. In place (core/autograd.h); differentiable in
// both.
const Tensor& copy_(const Tensor& target, const Tensor& source);
// target[...] = value. In place; the gradient of what was there is zero.
const Tensor& fill_(const Tensor& target, const Scalar& value);
// The bare write without regard to the graph: for tensors that an op has just made.
void fill(const Tensor& target, const Scalar& value);

}  // namespace tessera
