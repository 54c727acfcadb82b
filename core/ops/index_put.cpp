// The dimensions that are indexed are moved to the front and made one; the index tensors become one list of places along it. Reading
// is then index_select, writing the kernels index_copy and index_add, on a matrix [indexed elements, rest].
#include "core/ops/index_put.h"

#include <algorithm>

#include "core/autograd.h"
#include "core/kernel_table.h"
#include "core/ops/binary.h"
#include "core/ops/copy.h"
#include "core/ops/creation.h"
#include "core/ops/index.h"
#include "core/ops/reduce.h"
#include "core/ops/shape.h"
#include "core/ops/unary.h"
#include "core/ops/where.h"
#include "core/type_promotion.h"
#include "kernels/index/index.h"

namespace tessera {
namespace {

using autograd::BackwardContext;

const Kernel<kernels::IndexCopy> index_copy_kernel = TESSERA_REFERENCE_KERNEL(index_copy);
const Kernel<kernels::IndexAdd> index_add_kernel = TESSERA_KERNEL(index_add_acc);

bool is_mask(const Tensor& t) { return t.dtype() == kBool || t.dtype() == kUInt8; }

// One int64 tensor of checked places in [0, size) per indexed dimension, in place of masks and negative numbers.
TensorList as_places(const Tensor& x, const TensorList& indices) {
  TensorList places;
  for (const Tensor& index : indices) {
    const int64_t dim = static_cast<int64_t>(places.size());
    if (!index.defined()) {
      places.emplace_back();
    } else if (is_mask(index)) {
      for (int64_t d = 0; d < index.dim(); ++d)
        check<IndexError>(dim + d < x.dim() && index.size(d) == x.size(dim + d),
                          "index: the shape of the mask {} at dimension {} does not match the shape of the indexed tensor {}",
                          index.sizes(), dim + d, x.sizes());
      const Tensor found = nonzero(index);
      for (int64_t d = 0; d < index.dim(); ++d) places.push_back(select(found, 1, d));
    } else {
      check<TypeError>(is_integral(index.dtype()), "index: tensors used as indices must be integers, bool or uint8, not {}",
                       index.dtype());
      check<IndexError>(dim < x.dim(), "index: more indices than the dimensions of shape {}", x.sizes());
      const Tensor wide = to(index, kInt64);
      const int64_t size = x.size(dim);
      if (wide.numel() > 0) {
        const int64_t low = amin(wide).item<int64_t>(), high = amax(wide).item<int64_t>();
        check<IndexError>(low >= -size && high < size,
                          "index: index {} is out of bounds for dimension with size {} (dimension {} of shape {})",
                          high < size ? low : high, size, dim, x.sizes());
        places.push_back(low < 0 ? where(wide < 0, wide + size, wide) : wide);
      } else {
        places.push_back(wide);
      }
    }
  }
  return places;
}

// How x is seen as a matrix [indexed elements, rest], and what the list of places makes of it.
struct Plan {
  DimVector order;      // x's dimensions, the indexed ones first
  DimVector rest;       // sizes of the others
  int64_t indexed = 1;  // elements in the indexed dimensions
  int64_t first = 0;    // where the index shape stands in the result: behind this many of the others
  DimVector shape;      // B
  Tensor list;          // int64 [numel of B], places along the first dimension of the matrix

  DimVector result() const {
    DimVector sizes = rest;
    for (size_t d = shape.size(); d-- > 0;) sizes.insert(static_cast<size_t>(first), shape[d]);
    return sizes;
  }
  DimVector matrix(int64_t rows) const {
    DimVector sizes{rows};
    sizes.push_back(1);
    for (const int64_t size : rest) sizes[1] *= size;
    return sizes;
  }
};

Plan plan_for(const Tensor& x, const TensorList& indices) {
  NoGradGuard no_grad;
  const TensorList places = as_places(x, indices);
  Plan plan;
  bool adjacent = true;
  for (size_t d = 0; d < places.size(); ++d) {
    if (!places[d].defined()) continue;
    adjacent = adjacent && (plan.order.empty() || plan.order.back() == static_cast<int64_t>(d) - 1);
    plan.order.push_back(static_cast<int64_t>(d));
    plan.shape = broadcast_shapes("index", plan.shape, places[d].sizes());
  }
  check<IndexError>(!plan.order.empty(), "index: no index tensor was given");
  plan.first = adjacent && !plan.order.empty() ? plan.order[0] : 0;
  for (const int64_t d : plan.order) {
    plan.list = plan.list.defined() ? plan.list * x.size(d) + places[static_cast<size_t>(d)] : places[static_cast<size_t>(d)];
    plan.indexed *= x.size(d);
  }
  plan.list = reshape(expand(plan.list, plan.shape), {-1});
  for (int64_t d = 0; d < x.dim(); ++d) {
    if (d < static_cast<int64_t>(places.size()) && places[static_cast<size_t>(d)].defined()) continue;
    plan.order.push_back(d);
    plan.rest.push_back(x.size(d));
  }
  return plan;
}

// B moved from the front of a tensor [B, rest] to its place in the result, and back.
Tensor to_result(const Plan& plan, const Tensor& rows) {
  DimVector sizes = plan.shape;
  for (const int64_t size : plan.rest) sizes.push_back(size);
  const int64_t b = static_cast<int64_t>(plan.shape.size());
  DimVector order;
  for (int64_t d = 0; d < plan.first; ++d) order.push_back(b + d);
  for (int64_t d = 0; d < b; ++d) order.push_back(d);
  for (int64_t d = b + plan.first; d < static_cast<int64_t>(sizes.size()); ++d) order.push_back(d);
  return permute(reshape(rows, sizes), order);
}
Tensor from_result(const Plan& plan, const Tensor& result) {
  const int64_t b = static_cast<int64_t>(plan.shape.size());
  DimVector order;
  for (int64_t d = 0; d < b; ++d) order.push_back(plan.first + d);
  for (int64_t d = 0; d < result.dim(); ++d)
    if (d < plan.first || d >= plan.first + b) order.push_back(d);
  return reshape(permute(result, order), plan.matrix(plan.list.numel()));
}

// Writes `values` (of the result's shape and x's dtype) into x, with no regard to the graph.
void write(const Plan& plan, const Tensor& x, const Tensor& values, bool accumulate) {
  NoGradGuard no_grad;
  if (plan.list.numel() == 0 || values.numel() == 0) return;
  const Tensor moved = permute(x.detach(), plan.order), source = from_result(plan, values);
  const bool in_place = view_strides(moved.layout(), plan.matrix(plan.indexed)).has_value();
  const Tensor matrix = reshape(moved, plan.matrix(plan.indexed));  // a copy if memory order asks for it
  (accumulate ? index_add_kernel : index_copy_kernel)(x.device(), matrix.as_view(), plan.list.as_view(), source.as_view(), 0);
  if (!in_place) moved.copy_(reshape(matrix, moved.sizes()));
}

// The values in the result's shape and x's dtype; where they are other memory than x's is as well.
Tensor fitted(const Plan& plan, const Tensor& x, const Tensor& values) {
  const DimVector wanted = plan.result();
  Tensor v = values;
  while (v.dim() > static_cast<int64_t>(wanted.size()) && v.size(0) == 1) v = squeeze(v, 0);
  bool fits = v.dim() <= static_cast<int64_t>(wanted.size());
  for (int64_t d = 1; fits && d <= v.dim(); ++d)
    fits = v.size(-d) == 1 || v.size(-d) == wanted[wanted.size() - static_cast<size_t>(d)];
  check<ShapeError>(fits,
                    "index_put_: shape mismatch: value tensor of shape {} cannot be broadcast to indexing result of shape {}",
                    values.sizes(), wanted);
  if (v.storage() == x.storage()) v = clone(v);
  return expand(to(v, x.dtype()), wanted);
}

autograd::BackwardFunction put_backward(const TensorList& indices, bool accumulate) {
  return [count = indices.size(), accumulate](const BackwardContext& ctx) -> variable_list {
    TensorList places;
    for (size_t i = 0; i < count; ++i) places.push_back(ctx.saved(i));
    const Tensor g = ctx.grad();
    Tensor of_x = g;
    if (!accumulate && ctx.needs_grad(0)) of_x = index_put(g, places, zeros({}, g.options()));
    return {of_x, ctx.needs_grad(1) ? index(g, places) : Tensor()};
  };
}

}  // namespace

Tensor nonzero(const Tensor& x) {
  NoGradGuard no_grad;
  const Tensor flat = reshape(to(x.cpu(), kBool), {-1});
  const bool* const set = flat.data_ptr<bool>();
  const int64_t count = std::count(set, set + flat.numel(), true);
  Tensor out = empty({count, x.dim()}, kInt64);
  int64_t* next = out.data_ptr<int64_t>();
  for (int64_t i = 0; i < flat.numel(); ++i) {
    if (!set[i]) continue;
    int64_t left = i;
    for (int64_t d = x.dim() - 1; d >= 0; --d) {
      next[d] = left % x.size(d);
      left /= x.size(d);
    }
    next += x.dim();
  }
  return out.to(x.device());
}

Tensor masked_select(const Tensor& x, const Tensor& mask) {
  check<TypeError>(is_mask(mask), "masked_select: the mask is {}, not bool", mask.dtype());
  const DimVector sizes = broadcast_shapes("masked_select", x.sizes(), mask.sizes());
  if (sizes.empty()) return index(reshape(x, {1}), {reshape(mask, {1})});
  return index(expand(x, sizes), {expand(mask, sizes)});
}

Tensor index(const Tensor& x, const TensorList& indices) {
  const Plan plan = plan_for(x, indices);
  const int64_t last = plan.first + x.dim() - static_cast<int64_t>(plan.rest.size()) - 1;  // of neighbours
  bool neighbours = true;
  for (int64_t d = plan.first; d <= last; ++d) neighbours = neighbours && plan.order[static_cast<size_t>(d - plan.first)] == d;
  if (neighbours) {  // nothing moves
    const Tensor flat = last == plan.first ? x : flatten(x, plan.first, last);
    return reshape(index_select(flat, plan.first, plan.list), plan.result());
  }
  const Tensor matrix = reshape(permute(x, plan.order), plan.matrix(plan.indexed));
  return to_result(plan, index_select(matrix, 0, plan.list));
}

Tensor index_put(const Tensor& x, const TensorList& indices, const Tensor& values, bool accumulate) {
  Tensor out;
  {
    NoGradGuard no_grad;
    out = clone(x);
    const Plan plan = plan_for(x, indices);
    write(plan, out, fitted(plan, x, values), accumulate);
  }
  return autograd::record("index_put", {x, values}, out, indices, put_backward(indices, accumulate));
}

const Tensor& index_put_(const Tensor& x, const TensorList& indices, const Tensor& values, bool accumulate) {
  autograd::check_inplace("index_put_", x, {values});
  const Plan plan = plan_for(x, indices);
  {
    NoGradGuard no_grad;
    write(plan, x, fitted(plan, x, values), accumulate);
  }
  return autograd::record_inplace("index_put_", x, {x, values}, indices, put_backward(indices, accumulate));
}

Tensor Tensor::masked_select(const Tensor& mask) const { return tessera::masked_select(*this, mask); }

}  // namespace tessera
