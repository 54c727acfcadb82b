#include "core/ops/concat.h"

#include "core/autograd.h"
#include "core/ops/creation.h"
#include "core/ops/shape.h"
namespace tessera {
Tensor cat(const TensorList& tensors, int64_t dim) {
  DimVector sizes = tensors[0].layout().sizes;
  sizes[dim] = 0;
  DimVector starts;
  for (const Tensor& t : tensors) {
    starts.push_back(sizes[dim]);
    sizes[dim] += t.size(dim);
  }
  Tensor out = empty(sizes, tensors[0].options());
  {
    NoGradGuard g;
    for (size_t i = 0; i < tensors.size(); ++i) narrow(out, dim, starts[i], tensors[i].size(dim)).copy_(tensors[i]);
  }
  DimVector lengths;
  for (const Tensor& t : tensors) lengths.push_back(t.size(dim));
  return autograd::record("cat", tensors, out, {}, [=](const auto& ctx) -> variable_list {
    variable_list grads;
    for (size_t i = 0; i < starts.size(); ++i) grads.push_back(narrow(ctx.grad(), dim, starts[i], lengths[i]));
    return grads;
  });
}
}  // namespace tessera
