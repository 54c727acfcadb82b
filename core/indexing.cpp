#include "core/indexing.h"

#include <string_view>

#include "core/autograd.h"
#include "core/ops/copy.h"
#include "core/ops/creation.h"
#include "core/ops/index.h"
#include "core/ops/shape.h"
#include "core/ops/where.h"

namespace tessera {

TensorIndex::TensorIndex(const char* dots) : kind(Kind::Ellipsis) {
  check<IndexError>(std::string_view(dots) == "...", "index: the only text that is an index is \"...\", not \"{}\"", dots);
}

namespace {

using Kind = TensorIndex::Kind;

// What is left after the views: the tensor indices, at most one, and the dimension it applies to.
struct Resolved {
  Tensor view;
  Tensor index;
  int64_t dim = 0;
};

Resolved resolve(const Tensor& x, std::initializer_list<TensorIndex> indices) {
  int64_t named = 0;  // dimensions of x that the indices other than "..." use up
  for (const TensorIndex& i : indices)
    named += i.kind == Kind::Tensor ? (i.tensor.dtype() == kBool ? i.tensor.dim() : 1)
                                    : i.kind == Kind::Integer || i.kind == Kind::Range;
  check<IndexError>(named <= x.dim(), "index: {} indices for a tensor of shape {}", named, x.sizes());
  Resolved r{x, {}, 0};
  int64_t dim = 0;  // of r.view, where the next index applies
  for (const TensorIndex& i : indices) {
    switch (i.kind) {
      case Kind::Integer: r.view = select(r.view, dim, i.integer); break;
      case Kind::Range: r.view = slice(r.view, dim++, i.range.start, i.range.end, i.range.step); break;
      case Kind::NewAxis: r.view = unsqueeze(r.view, dim++); break;
      case Kind::Ellipsis: dim += x.dim() - named; break;
      case Kind::Tensor:
        check<IndexError>(!r.index.defined(), "index: one tensor among the indices is supported, not several. Index twice.");
        r.index = i.tensor;
        r.dim = dim;
        dim += i.tensor.dtype() == kBool ? i.tensor.dim() : 1;
    }
  }
  return r;
}

// Positions (int64) where the mask is true, in row-major order.
Tensor positions(const Tensor& mask) {
  const Tensor flat = mask.cpu().reshape({-1});
  std::vector<int64_t> found;
  for (int64_t i = 0; i < flat.numel(); ++i)
    if (flat.data_ptr<bool>()[i]) found.push_back(i);
  return tensor(found, kInt64).to(mask.device());
}

// The index as one list of positions along one dimension of a (possibly flattened) tensor.
Resolved as_positions(Resolved r) {
  if (r.index.dtype() == kBool) {
    for (int64_t d = 0; d < r.index.dim(); ++d)
      check<IndexError>(r.index.size(d) == r.view.size(r.dim + d),
                        "index: a mask of shape {} does not fit shape {} at dimension {}", r.index.sizes(), r.view.sizes(),
                        r.dim);
    if (r.index.dim() == 0) r.view = unsqueeze(r.view, r.dim);  // a lone bool: all or nothing, along a new dimension
    if (r.index.dim() > 1) r.view = flatten(r.view, r.dim, r.dim + r.index.dim() - 1);
    r.index = positions(r.index);
  }
  check<TypeError>(r.index.dtype() == kInt64, "index: an index tensor must be int64 or bool, this one is {}", r.index.dtype());
  return r;
}

// The shape of what the index picks: the index's own in the place of the dimension.
DimVector sizes_of_picked(const Resolved& r) {
  DimVector sizes = r.view.layout().sizes;
  sizes.erase(r.dim);
  for (int64_t d = r.index.dim(); d-- > 0;) sizes.insert(r.dim, r.index.size(d));
  return sizes;
}

}  // namespace

Tensor Tensor::index(std::initializer_list<TensorIndex> indices) const {
  Resolved r = resolve(*this, indices);
  if (!r.index.defined()) return r.view;
  r = as_positions(std::move(r));
  const Tensor picked = index_select(r.view, r.dim, r.index.reshape({-1}));
  return picked.reshape(sizes_of_picked(r));
}

const Tensor& Tensor::index_put_(std::initializer_list<TensorIndex> indices, const Tensor& value) const {
  autograd::check_inplace("index_put_", *this, {value});
  check<AutogradError>(!autograd::any_requires_grad({*this, value}),
                       "index_put_: writing a part of a tensor is not recorded in the graph. Use where(), cat() or stack().");
  Resolved r = resolve(*this, indices);
  if (!r.index.defined()) {
    r.view.copy_(value);
    return *this;
  }
  const Tensor target = r.view;
  if (r.index.dtype() == kBool && value.numel() == 1 && r.index.dim() == target.dim()) {
    target.copy_(where(r.index, value.to(dtype()), target));
    return *this;
  }
  r = as_positions(std::move(r));
  const Tensor list = r.index.cpu().reshape({-1});
  const DimVector wanted = sizes_of_picked(r);
  const Tensor own = value.storage() == storage() ? value.clone() : value;
  DimVector rows = r.view.layout().sizes;
  rows[r.dim] = list.numel();
  const Tensor source = own.expand(wanted).reshape(rows);
  for (int64_t i = 0; i < list.numel(); ++i) r.view.select(r.dim, list.data_ptr<int64_t>()[i]).copy_(source.select(r.dim, i));
  // A mask over dimensions that do not lie together in memory was applied to a copy.
  if (r.view.storage() != storage()) target.copy_(r.view.reshape(target.sizes()));
  return *this;
}

const Tensor& Tensor::index_put_(std::initializer_list<TensorIndex> indices, const Scalar& value) const {
  return index_put_(indices, full({}, value, options()));
}

}  // namespace tessera
