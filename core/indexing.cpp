// Indices that give views are applied first, one after the other; what is left, the tensors, goes to index() and index_put_() of
// core/ops/index_put.h.
#include "core/indexing.h"

#include <ostream>
#include <string_view>

#include "core/autograd.h"
#include "core/ops/copy.h"
#include "core/ops/creation.h"
#include "core/ops/index_put.h"
#include "core/ops/shape.h"
#include "core/ops/where.h"
#include "core/type_promotion.h"

namespace tessera {

TensorIndex::TensorIndex(const char* dots) : kind_(Kind::Ellipsis) {
  check<IndexError>(std::string_view(dots) == "...", "Expected \"...\" to represent an ellipsis index, but got \"{}\"", dots);
}

std::ostream& operator<<(std::ostream& os, const Slice& slice) {
  return os << slice.start() << ':' << slice.stop() << ':' << slice.step();
}

std::ostream& operator<<(std::ostream& os, const TensorIndex& index) {
  if (index.is_none()) return os << "None";
  if (index.is_ellipsis()) return os << "...";
  if (index.is_integer()) return os << index.integer();
  if (index.is_boolean()) return os << (index.boolean() ? "true" : "false");
  if (index.is_slice()) return os << index.slice();
  return os << "tensor of shape " << to_string(index.tensor().sizes());
}

std::ostream& operator<<(std::ostream& os, const std::vector<TensorIndex>& indices) {
  os << '(';
  for (size_t i = 0; i < indices.size(); ++i) os << (i == 0 ? "" : ", ") << indices[i];
  return os << ')';
}

namespace {

bool is_mask(const Tensor& t) { return t.dtype() == kBool || t.dtype() == kUInt8; }

// The views are taken; `tensors` has one entry per leading dimension of `view` that an index tensor may apply to, a mask one for
// all that it covers; undefined ones stand for whole dimensions.
struct Resolved {
  Tensor view;
  TensorList tensors;
  bool has_tensors = false;
};

Resolved resolve(const char* op, const Tensor& x, const std::vector<TensorIndex>& indices) {
  check<IndexError>(!indices.empty(), "Passing an empty index list to Tensor::{}() is not valid syntax", op);
  int64_t named = 0;  // dimensions of x that the indices other than "..." use up
  for (const TensorIndex& i : indices)
    named += i.is_tensor() ? (is_mask(i.tensor()) ? i.tensor().dim() : 1) : i.is_integer() || i.is_slice();
  check<IndexError>(named == 0 || x.dim() > 0, "{}: invalid index of a 0-dim tensor. Use item() to read its number.", op);
  check<IndexError>(named <= x.dim(), "{}: too many indices: {} for a tensor of shape {}", op, named, x.sizes());
  Resolved r{x, {}};
  int64_t dim = 0, source = 0;  // where the next index applies, in r.view and in x
  const auto pick = [&](int64_t index) {
    const int64_t size = x.size(source);
    check<IndexError>(index >= -size && index < size, "{}: index {} is out of bounds for dimension {} with size {}", op, index,
                      source, size);
    r.view = select(r.view, dim, index);
    ++source;
  };
  const auto skip = [&](int64_t count) {
    dim += count;
    r.tensors.resize(r.tensors.size() + static_cast<size_t>(count));
  };
  const auto take = [&](Tensor index) {
    dim += is_mask(index) ? index.dim() : 1;
    source += is_mask(index) ? index.dim() : 1;
    r.has_tensors = true;
    r.tensors.push_back(std::move(index));
  };
  bool ellipsis = false;
  for (const TensorIndex& i : indices) {
    if (i.is_none()) {
      r.view = unsqueeze(r.view, dim);
      skip(1);
    } else if (i.is_ellipsis()) {
      if (!ellipsis) skip(x.dim() - named), source += x.dim() - named;
      ellipsis = true;
    } else if (i.is_integer()) {
      pick(i.integer());
    } else if (i.is_slice()) {
      r.view = slice(r.view, dim, i.slice().start(), i.slice().stop(), i.slice().step());
      skip(1), ++source;
    } else if (i.is_boolean()) {
      r.view = unsqueeze(r.view, dim);
      take(full({1}, i.boolean(), TensorOptions(kBool).device(x.device()))), --source;
    } else if (i.tensor().dim() == 0 && is_integral(i.tensor().dtype()) && !is_mask(i.tensor())) {
      pick(i.tensor().item<int64_t>());
    } else if (i.tensor().dim() == 0 && is_mask(i.tensor())) {
      r.view = unsqueeze(r.view, dim);
      take(reshape(i.tensor(), {1})), --source;
    } else {
      take(i.tensor());
    }
  }
  return r;
}

// `value` without the dimensions of size 1 in front that `sizes` has no place for.
Tensor without_leading_ones(const Tensor& value, IntArrayRef sizes) {
  Tensor v = value;
  while (v.dim() > static_cast<int64_t>(sizes.size()) && v.size(0) == 1) v = squeeze(v, 0);
  return v;
}

}  // namespace

Tensor Tensor::index(const std::vector<TensorIndex>& indices) const {
  const Resolved r = resolve("index", *this, indices);
  if (r.has_tensors) return tessera::index(r.view, r.tensors);
  return r.view.is_same(*this) ? alias(*this) : r.view;
}

Tensor Tensor::index(std::initializer_list<TensorIndex> indices) const { return index(std::vector<TensorIndex>(indices)); }

Tensor Tensor::operator[](const Tensor& index) const { return this->index({index}); }

const Tensor& Tensor::index_put_(const std::vector<TensorIndex>& indices, const Tensor& value, bool accumulate) const {
  const Resolved r = resolve("index_put_", *this, indices);
  if (r.has_tensors) {
    tessera::index_put_(r.view, r.tensors, value, accumulate);
  } else {
    const Tensor trimmed = without_leading_ones(value, r.view.sizes());
    if (accumulate)
      r.view.add_(trimmed);
    else
      r.view.copy_(trimmed);
  }
  return *this;
}

const Tensor& Tensor::index_put_(const std::vector<TensorIndex>& indices, const Scalar& value, bool accumulate) const {
  return index_put_(indices, full({}, value, options()), accumulate);
}

const Tensor& Tensor::index_put_(std::initializer_list<TensorIndex> indices, const Tensor& value, bool accumulate) const {
  return index_put_(std::vector<TensorIndex>(indices), value, accumulate);
}

const Tensor& Tensor::index_put_(std::initializer_list<TensorIndex> indices, const Scalar& value, bool accumulate) const {
  return index_put_(std::vector<TensorIndex>(indices), value, accumulate);
}

}  // namespace tessera
