#include "core/ops/shape.h"

#include "core/autograd.h"
#include "core/ops/copy.h"
#include "core/ops/creation.h"
#include "core/ops/reduce.h"

namespace tessera {
namespace {

using autograd::BackwardContext;
using autograd::record;

// A tensor of zeros with `grad` in the place that `place` cuts out of it: the gradient of a view that leaves elements out.
// Made of ops, so that it can be differentiated: its own gradient is the same cut.
Tensor embed(const Tensor& grad, const DimVector& sizes, const std::function<Tensor(const Tensor&)>& place) {
  Tensor whole = zeros(sizes, grad.options());
  {
    NoGradGuard no_grad;
    place(whole).copy_(grad);
  }
  return record("embed", {grad}, whole, {}, [place](const BackwardContext& ctx) -> variable_list { return {place(ctx.grad())}; });
}

}  // namespace

Tensor alias(const Tensor& x) {
  return record("alias", {x}, make_view(x, x.layout()), {},
                [](const BackwardContext& ctx) -> variable_list { return {ctx.grad()}; });
}

Tensor view(const Tensor& x, IntArrayRef shape) {
  const DimVector sizes = infer_shape("view", shape, x.numel());
  const std::optional<DimVector> strides = view_strides(x.layout(), sizes);
  check<ShapeError>(strides.has_value(),
                    "view: shape {} with strides {} has no view of shape {}. Use reshape(), which copies where it must.",
                    x.sizes(), x.strides(), sizes);
  return record("view", {x}, make_view(x, {sizes, *strides, x.storage_offset()}), {},
                [from = x.layout().sizes](const BackwardContext& ctx) -> variable_list { return {reshape(ctx.grad(), from)}; });
}

Tensor reshape(const Tensor& x, IntArrayRef shape) {
  const DimVector sizes = infer_shape("reshape", shape, x.numel());
  return view(view_strides(x.layout(), sizes) ? x : clone(x, kContiguous), sizes);
}

Tensor flatten(const Tensor& x, int64_t start_dim, int64_t end_dim) {
  const int64_t first = normalize_dim("flatten", start_dim, x.dim()), last = normalize_dim("flatten", end_dim, x.dim());
  check<ShapeError>(first <= last, "flatten: start_dim {} lies behind end_dim {}", start_dim, end_dim);
  if (x.dim() == 0) return reshape(x, {1});
  DimVector sizes;
  for (int64_t d = 0; d < x.dim(); ++d) {
    if (d > first && d <= last) sizes.back() *= x.size(d);
    else sizes.push_back(x.size(d));
  }
  return reshape(x, sizes);
}

Tensor permute(const Tensor& x, IntArrayRef dims) {
  const size_t ndim = dims.size();
  check<ShapeError>(static_cast<int64_t>(ndim) == x.dim(), "permute: {} dims for a tensor of shape {}", dims, x.sizes());
  Layout layout{DimVector(ndim, 0), DimVector(ndim, 0), x.storage_offset()};
  DimVector inverse(ndim, -1);
  for (size_t i = 0; i < ndim; ++i) {
    const int64_t from = normalize_dim("permute", dims[i], x.dim());
    check<ShapeError>(inverse[from] == -1, "permute: dim {} stands twice in {}", from, dims);
    inverse[from] = static_cast<int64_t>(i);
    layout.sizes[i] = x.sizes()[from];
    layout.strides[i] = x.strides()[from];
  }
  return record("permute", {x}, make_view(x, layout), {},
                [inverse](const BackwardContext& ctx) -> variable_list { return {permute(ctx.grad(), inverse)}; });
}

Tensor transpose(const Tensor& x, int64_t dim0, int64_t dim1) {
  const int64_t a = normalize_dim("transpose", dim0, x.dim()), b = normalize_dim("transpose", dim1, x.dim());
  if (x.dim() == 0) return x;
  DimVector dims;
  for (int64_t d = 0; d < x.dim(); ++d) dims.push_back(d);
  std::swap(dims[a], dims[b]);
  return permute(x, dims);
}

Tensor t(const Tensor& x) {
  check<ShapeError>(x.dim() <= 2, "t: a matrix is expected, the shape is {}. Use transpose(dim0, dim1).", x.sizes());
  return x.dim() < 2 ? x : transpose(x, 0, 1);
}

Tensor expand(const Tensor& x, IntArrayRef sizes) {
  return record("expand", {x}, make_view(x, expand_layout("expand", x.layout(), sizes)), {},
                [](const BackwardContext& ctx) -> variable_list { return {ctx.grad()}; });  // the engine sums
}

Tensor squeeze(const Tensor& x) {
  DimVector sizes;
  for (int64_t size : x.sizes())
    if (size != 1) sizes.push_back(size);
  return view(x, sizes);
}

Tensor squeeze(const Tensor& x, int64_t dim) {
  const int64_t d = normalize_dim("squeeze", dim, x.dim());
  DimVector sizes = x.layout().sizes;
  if (x.dim() > 0 && sizes[d] == 1) sizes.erase(d);
  return view(x, sizes);
}

Tensor unsqueeze(const Tensor& x, int64_t dim) {
  DimVector sizes = x.layout().sizes;
  sizes.insert(normalize_dim("unsqueeze", dim, x.dim() + 1), 1);
  return view(x, sizes);
}

Tensor select(const Tensor& x, int64_t dim, int64_t index) {
  const int64_t d = normalize_dim("select", dim, x.dim());
  check<IndexError>(x.dim() > 0, "select: invalid index of a 0-dim tensor. Use item() to read its number.");
  const int64_t size = x.size(d), at = index < 0 ? index + size : index;
  check<IndexError>(at >= 0 && at < size, "select: index {} is out of bounds for dimension {} with size {}", index, d, size);
  Layout layout = x.layout();
  layout.offset += at * layout.strides[d];
  layout.sizes.erase(d);
  layout.strides.erase(d);
  return record("select", {x}, make_view(x, layout), {},
                [d, at, from = x.layout().sizes](const BackwardContext& ctx) -> variable_list {
                  return {embed(ctx.grad(), from, [d, at](const Tensor& whole) { return select(whole, d, at); })};
                });
}

Tensor slice(const Tensor& x, int64_t dim, std::optional<int64_t> start, std::optional<int64_t> end, int64_t step) {
  const int64_t d = normalize_dim("slice", dim, x.dim());
  check<IndexError>(x.dim() > 0, "slice: a 0-dimensional tensor cannot be sliced");
  check<ValueError>(step > 0, "slice: step must be positive, not {}. Use flip() to turn a dimension round.", step);
  const int64_t size = x.size(d);
  const auto clip = [size](int64_t i) { return std::clamp(i < 0 && i >= -size ? i + size : i, int64_t{0}, size); };
  const int64_t first = clip(start.value_or(0)), last = std::max(first, clip(end.value_or(size)));
  Layout layout = x.layout();
  layout.offset += first * layout.strides[d];
  layout.sizes[d] = last == first ? 0 : (last - first - 1) / step + 1;  // in this form no step overflows
  if (layout.sizes[d] > 1) layout.strides[d] *= step;
  return record("slice", {x}, make_view(x, layout), {},
                [d, first, last, step, from = x.layout().sizes](const BackwardContext& ctx) -> variable_list {
                  return {embed(ctx.grad(), from, [=](const Tensor& whole) { return slice(whole, d, first, last, step); })};
                });
}

Tensor narrow(const Tensor& x, int64_t dim, int64_t start, int64_t length) {
  const int64_t d = normalize_dim("narrow", dim, x.dim());
  check<IndexError>(x.dim() > 0, "narrow: a 0-dimensional tensor cannot be cut");
  const int64_t first = start < 0 ? start + x.size(d) : start;
  check<IndexError>(first >= 0 && length >= 0 && first + length <= x.size(d),
                    "narrow: {} elements from {} do not lie in dimension {} of shape {}", length, start, d, x.sizes());
  return slice(x, d, first, first + length);
}

TensorList split(const Tensor& x, int64_t split_size, int64_t dim) {
  check<ValueError>(split_size > 0, "split: size {} is not positive", split_size);
  check<IndexError>(x.dim() > 0, "split: a 0-dimensional tensor cannot be cut");
  TensorList parts;
  for (int64_t i = 0; i < std::max<int64_t>(x.size(dim), 1); i += split_size)
    parts.push_back(slice(x, dim, i, std::min(i + split_size, x.size(dim))));
  return parts;
}

TensorList chunk(const Tensor& x, int64_t chunks, int64_t dim) {
  check<ValueError>(chunks > 0, "chunk: {} chunks were asked for", chunks);
  check<IndexError>(x.dim() > 0, "chunk: a 0-dimensional tensor cannot be cut");
  return split(x, std::max<int64_t>((x.size(dim) + chunks - 1) / chunks, 1), dim);
}

Tensor sum_to(const Tensor& x, IntArrayRef sizes) {
  const int64_t lead = x.dim() - static_cast<int64_t>(sizes.size());
  DimVector dims;
  for (int64_t d = 0; d < x.dim(); ++d)
    if (d < lead || (sizes[d - lead] == 1 && x.size(d) != 1)) dims.push_back(d);
  return dims.empty() ? x : reshape(sum(x, dims, /*keepdim=*/true), sizes);
}

// --- Tensor's methods ---

Tensor Tensor::view(IntArrayRef shape) const { return tessera::view(*this, shape); }
Tensor Tensor::reshape(IntArrayRef shape) const { return tessera::reshape(*this, shape); }
Tensor Tensor::flatten(int64_t start_dim, int64_t end_dim) const { return tessera::flatten(*this, start_dim, end_dim); }
Tensor Tensor::permute(IntArrayRef dims) const { return tessera::permute(*this, dims); }
Tensor Tensor::transpose(int64_t dim0, int64_t dim1) const { return tessera::transpose(*this, dim0, dim1); }
Tensor Tensor::t() const { return tessera::t(*this); }
Tensor Tensor::expand(IntArrayRef sizes) const { return tessera::expand(*this, sizes); }
Tensor Tensor::squeeze() const { return tessera::squeeze(*this); }
Tensor Tensor::squeeze(int64_t dim) const { return tessera::squeeze(*this, dim); }
Tensor Tensor::unsqueeze(int64_t dim) const { return tessera::unsqueeze(*this, dim); }
Tensor Tensor::select(int64_t dim, int64_t index) const { return tessera::select(*this, dim, index); }
Tensor Tensor::slice(int64_t dim, std::optional<int64_t> start, std::optional<int64_t> end, int64_t step) const {
  return tessera::slice(*this, dim, start, end, step);
}
TensorList Tensor::split(int64_t split_size, int64_t dim) const { return tessera::split(*this, split_size, dim); }
TensorList Tensor::chunk(int64_t chunks, int64_t dim) const { return tessera::chunk(*this, chunks, dim); }
Tensor Tensor::narrow(int64_t dim, int64_t start, int64_t length) const { return tessera::narrow(*this, dim, start, length); }

}  // namespace tessera
