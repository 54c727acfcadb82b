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
// x on another device. With `non_blocking` a copy between pinned host memory and a CUDA device runs on the current stream beside
// the host: the memory of x must not be written, and on the host that of the result not be read, before the stream has got there
// (cuda::synchronize()).
Tensor to(const Tensor& x, Device device, bool non_blocking = false, bool copy = false);
// x, a tensor on the cpu, in page-locked memory, from which copies to a CUDA device are fast and may be non_blocking.
Tensor pin_memory(const Tensor& x);

// target[...] = source, broadcast to target's shape, converted to its dtype, brought to its device. In place (core/autograd.h);
// differentiable in both.
const Tensor& copy_(const Tensor& target, const Tensor& source, bool non_blocking = false);
// target[...] = value. In place; the gradient of what was there is zero.
const Tensor& fill_(const Tensor& target, const Scalar& value);
// The bare write without regard to the graph: for tensors that an op has just made.
void fill(const Tensor& target, const Scalar& value);

}  // namespace tessera
