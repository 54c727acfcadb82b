#include "core/ops/concat.h"

#include "core/autograd.h"
#include "core/ops/creation.h"
#include "core/ops/shape.h"
#include "core/type_promotion.h"

namespace tessera {

Tensor cat(const TensorList& tensors, int64_t dim) {
  check<ValueError>(!tensors.empty(), "cat: no tensors were given");
  TensorList parts;
  for (const Tensor& t : tensors) {
    check<ShapeError>(t.dim() > 0, "cat: a tensor without dimensions cannot be joined. Use stack().");
    if (t.dim() > 1 || t.size(0) > 0) parts.push_back(t);
  }
  if (parts.empty()) parts.push_back(tensors[0]);
  const Tensor& first = parts[0];
  const int64_t d = normalize_dim("cat", dim, first.dim());

  DimVector sizes = first.layout().sizes;
  ScalarType dtype = first.dtype();
  sizes[d] = 0;
  std::vector<int64_t> starts;
  for (const Tensor& t : parts) {
    bool fits = t.dim() == first.dim();
    for (int64_t i = 0; fits && i < t.dim(); ++i) fits = i == d || t.size(i) == first.size(i);
    check<ShapeError>(fits, "cat: shape {} does not fit {}: the sizes may differ in dim {} alone", t.sizes(), first.sizes(), d);
    dtype = promote_types(dtype, t.dtype());
    starts.push_back(sizes[d]);
    sizes[d] += t.size(d);
  }
  const Tensor out = empty(sizes, first.options().dtype(dtype).memory_format(first.suggest_memory_format()));
  {
    NoGradGuard no_grad;
    for (size_t i = 0; i < parts.size(); ++i) {
      Layout part = out.layout();  // by hand: narrow() is an op, whose result anomaly detection looks at before it is written
      part.sizes[d] = parts[i].size(d);
      part.offset += starts[i] * part.strides[d];
      make_view(out, part).copy_(parts[i]);
    }
  }
  starts.push_back(sizes[d]);
  return autograd::record("cat", parts, out, {}, [d, starts](const autograd::BackwardContext& ctx) -> variable_list {
    variable_list grads(starts.size() - 1);
    for (size_t i = 0; i < grads.size(); ++i) {
      if (ctx.needs_grad(i)) grads[i] = narrow(ctx.grad(), d, starts[i], starts[i + 1] - starts[i]);
    }
    return grads;
  });
}

Tensor stack(const TensorList& tensors, int64_t dim) {
  check<ValueError>(!tensors.empty(), "stack: no tensors were given");
  const int64_t d = normalize_dim("stack", dim, tensors[0].dim() + 1);
  TensorList parts;
  for (const Tensor& t : tensors) {
    check<ShapeError>(t.sizes() == tensors[0].sizes(), "stack: shape {} differs from {}. Use cat() to join unequal sizes.",
                      t.sizes(), tensors[0].sizes());
    parts.push_back(unsqueeze(t, d));
  }
  return cat(parts, d);
}

}  // namespace tessera
