// What the ops on several tensors share: operands seen in the broadcast shape, and the result in the right memory order.
// For core/ops/*.cpp.
#pragma once

#include <initializer_list>

#include "core/ops/creation.h"
#include "core/tensor.h"

namespace tessera {

// x as a kernel sees it in the larger shape `sizes` (checked to be a broadcast of x's): stride 0 where it repeats.
inline View broadcast_view(const Tensor& x, IntArrayRef sizes) {
  View view = x.as_view();
  const int lead = static_cast<int>(sizes.size()) - view.ndim;
  for (int d = static_cast<int>(sizes.size()) - 1; d >= 0; --d) {
    const bool repeats = d < lead || view.sizes[d - lead] != sizes[d];
    view.strides[d] = repeats ? 0 : view.strides[d - lead];
    view.sizes[d] = sizes[d];
  }
  view.ndim = static_cast<int>(sizes.size());
  return view;
}

// An uninitialised result of shape `sizes`, in the memory order of the first dense operand that has this shape, else row-major.
inline Tensor empty_broadcast(std::initializer_list<const Tensor*> operands, IntArrayRef sizes, ScalarType dtype) {
  for (const Tensor* x : operands)
    if (x->sizes() == sizes && x->layout().is_dense()) return empty_like(*x, dtype);
  return empty(sizes, TensorOptions(dtype).device((*operands.begin())->device()));
}

// A number as a 0-dimensional tensor of the given dtype on x's device.
inline Tensor scalar_like(const Tensor& x, const Scalar& value, ScalarType dtype) {
  return full({}, value, TensorOptions(dtype).device(x.device()));
}

}  // namespace tessera
