#include "core/ops/index.h"

#include "core/autograd.h"
#include "core/kernel_table.h"
#include "core/ops/copy.h"
#include "core/ops/creation.h"
#include "core/ops/reduce.h"
#include "core/ops/shape.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/index/index.h"

namespace tessera {
namespace {

using autograd::BackwardContext;
using autograd::record;

const Kernel<kernels::Gather> gather_kernel = TESSERA_KERNEL(gather);
const Kernel<kernels::ScatterAdd> scatter_add_kernel = TESSERA_KERNEL(scatter_add_acc);
const Kernel<kernels::IndexSelect> index_select_kernel = TESSERA_KERNEL(index_select);
const Kernel<kernels::IndexAdd> index_add_kernel = TESSERA_KERNEL(index_add_acc);
const Kernel<kernels::Copy> copy_kernel = TESSERA_KERNEL(copy);

int64_t check_dim(const char* op, const Tensor& x, int64_t dim) {
  check<ShapeError>(x.dim() > 0, "{}: a tensor without dimensions has nothing to index. Use reshape({{1}}).", op);
  return normalize_dim(op, dim, x.dim());
}

void check_index(const char* op, const Tensor& index, int64_t size) {
  check<TypeError>(index.dtype() == kInt64, "{}: the index is {}, not int64. Convert with to(kLong).", op, index.dtype());
  if (index.numel() == 0) return;
  const int64_t low = amin(index).item<int64_t>(), high = amax(index).item<int64_t>();
  check<IndexError>(low >= 0 && high < size, "{}: index {} is out of range for a dimension of size {}", op, low < 0 ? low : high,
                    size);
}

// gather and scatter_add: index has x's number of dimensions and is no larger, but along `dim`.
void check_index_shape(const char* op, const Tensor& x, const Tensor& index, int64_t dim) {
  bool fits = index.dim() == x.dim();
  for (int64_t d = 0; fits && d < x.dim(); ++d) fits = d == dim || index.size(d) <= x.size(d);
  check<ShapeError>(fits, "{}: an index of shape {} does not fit shape {}: outside dim {} it may not be larger", op,
                    index.sizes(), x.sizes(), dim);
}

void check_same_dtype(const char* op, const Tensor& x, const Tensor& source) {
  check<TypeError>(x.dtype() == source.dtype(), "{}: {} cannot be added to {}. Convert with to().", op, source.dtype(),
                   x.dtype());
}

Tensor plain_copy(const Tensor& x) {
  NoGradGuard no_grad;
  return clone(x);
}

}  // namespace

Tensor gather(const Tensor& x, int64_t dim, const Tensor& index) {
  const int64_t d = check_dim("gather", x, dim);
  check_index_shape("gather", x, index, d);
  check_index("gather", index, x.size(d));
  Tensor out = empty(index.sizes(), x.options().memory_format(x.suggest_memory_format()));
  gather_kernel(x.device(), out.as_view(), x.as_view(), index.as_view(), static_cast<int>(d));
  return record("gather", {x}, out, {index}, [d, from = x.layout().sizes](const BackwardContext& ctx) -> variable_list {
    return {scatter_add(zeros(from, ctx.grad().options()), d, ctx.saved(0), ctx.grad())};
  });
}

Tensor scatter_add(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& src) {
  const int64_t d = check_dim("scatter_add", x, dim);
  check_index_shape("scatter_add", x, index, d);
  check_index("scatter_add", index, x.size(d));
  check_same_dtype("scatter_add", x, src);
  check<ShapeError>(src.dim() == index.dim(), "scatter_add: src of shape {} for an index of shape {}", src.sizes(),
                    index.sizes());
  Tensor used = src;
  for (int64_t i = 0; i < src.dim(); ++i) {
    check<ShapeError>(src.size(i) >= index.size(i), "scatter_add: src of shape {} is smaller than the index of shape {}",
                      src.sizes(), index.sizes());
    if (src.size(i) > index.size(i)) used = narrow(used, i, 0, index.size(i));
  }
  Tensor out = plain_copy(x);
  scatter_add_kernel(x.device(), out.as_view(), index.as_view(), used.as_view(), static_cast<int>(d));
  return record("scatter_add", {x, used}, out, {index}, [d](const BackwardContext& ctx) -> variable_list {
    return {ctx.grad(), ctx.needs_grad(1) ? gather(ctx.grad(), d, ctx.saved(0)) : Tensor()};
  });
}

Tensor index_select(const Tensor& x, int64_t dim, const Tensor& index) {
  const int64_t d = check_dim("index_select", x, dim);
  check<ShapeError>(index.dim() == 1, "index_select: the index has shape {}, not one dimension", index.sizes());
  check_index("index_select", index, x.size(d));
  DimVector sizes = x.layout().sizes;
  sizes[d] = index.size(0);
  Tensor out = empty(sizes, x.options().memory_format(x.suggest_memory_format()));
  index_select_kernel(x.device(), out.as_view(), x.as_view(), index.as_view(), static_cast<int>(d));
  return record("index_select", {x}, out, {index}, [d, from = x.layout().sizes](const BackwardContext& ctx) -> variable_list {
    return {index_add(zeros(from, ctx.grad().options()), d, ctx.saved(0), ctx.grad())};
  });
}

Tensor index_add(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source) {
  const int64_t d = check_dim("index_add", x, dim);
  check<ShapeError>(index.dim() == 1, "index_add: the index has shape {}, not one dimension", index.sizes());
  check_index("index_add", index, x.size(d));
  check_same_dtype("index_add", x, source);
  DimVector expected = x.layout().sizes;
  expected[d] = index.size(0);
  check<ShapeError>(source.sizes() == IntArrayRef(expected), "index_add: source has shape {}, not {}", source.sizes(), expected);
  Tensor out = plain_copy(x);
  index_add_kernel(x.device(), out.as_view(), index.as_view(), source.as_view(), static_cast<int>(d));
  return record("index_add", {x, source}, out, {index}, [d](const BackwardContext& ctx) -> variable_list {
    return {ctx.grad(), ctx.needs_grad(1) ? index_select(ctx.grad(), d, ctx.saved(0)) : Tensor()};
  });
}

Tensor flip(const Tensor& x, IntArrayRef dims) {
  View turned = x.as_view();  // read from the last element backwards
  std::array<bool, kMaxDims> seen{};
  for (int64_t dim : dims) {
    const int64_t d = normalize_dim("flip", dim, x.dim());
    check<IndexError>(!seen[d], "flip: dim {} stands twice in {}", dim, dims);
    seen[d] = true;
    if (x.numel() == 0 || x.dim() == 0) continue;
    turned.data = static_cast<char*>(turned.data) + (x.size(d) - 1) * x.stride(d) * static_cast<int64_t>(x.element_size());
    turned.strides[d] = -x.stride(d);
  }
  Tensor out = empty_like(x);
  copy_kernel(x.device(), out.as_view(), turned);
  return record("flip", {x}, out, {},
                [dims = dims.dims()](const BackwardContext& ctx) -> variable_list { return {flip(ctx.grad(), dims)}; });
}

}  // namespace tessera
