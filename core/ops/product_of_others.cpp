#include "core/ops/product_of_others.h"

#include <algorithm>

#include "core/ops/binary.h"
#include "core/ops/concat.h"
#include "core/ops/creation.h"
#include "core/ops/index.h"
#include "core/ops/shape.h"

namespace tessera {
namespace {

// out[i] = x[0] * ... * x[i - 1] along the last dimension, in log2(n) steps.
Tensor product_before(const Tensor& x) {
  const int64_t n = x.size(-1);
  const auto shifted = [&](const Tensor& y, int64_t by) {
    DimVector front = y.layout().sizes;
    front.back() = by;
    return cat({ones(front, y.options()), narrow(y, -1, 0, n - by)}, -1);
  };
  Tensor y = n == 0 ? x : shifted(x, 1);
  for (int64_t by = 1; by < n; by *= 2) y = mul(y, shifted(y, by));
  return y;
}

}  // namespace

Tensor product_of_others(const Tensor& x, IntArrayRef dims) {
  if (x.dim() == 0) return ones_like(x);
  DimVector order, inverse(static_cast<size_t>(x.dim()), 0);
  const auto is_reduced = [&](int64_t d) {
    return dims.empty() || std::any_of(dims.begin(), dims.end(), [&](int64_t e) { return e == d || e + x.dim() == d; });
  };
  for (const bool reduced : {false, true})
    for (int64_t d = 0; d < x.dim(); ++d)
      if (is_reduced(d) == reduced) order.push_back(d);
  for (size_t i = 0; i < order.size(); ++i) inverse[static_cast<size_t>(order[i])] = static_cast<int64_t>(i);
  const Tensor moved = permute(x, order);
  int64_t rows = 1, columns = 1;
  for (int64_t d = 0; d < x.dim(); ++d) (is_reduced(d) ? columns : rows) *= x.size(d);
  const Tensor lines = reshape(moved, {rows, columns});
  const Tensor others = mul(product_before(lines), flip(product_before(flip(lines, {1})), {1}));
  return permute(reshape(others, moved.sizes()), inverse);
}

}  // namespace tessera
