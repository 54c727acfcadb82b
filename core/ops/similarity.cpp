#include "core/ops/similarity.h"

#include "core/ops/binary.h"
#include "core/ops/reduce.h"
#include "core/ops/unary.h"

namespace tessera {

Tensor cosine_similarity(const Tensor& x1, const Tensor& x2, int64_t dim, double eps) {
  const int64_t d = normalize_dim("cosine_similarity", dim, std::max(x1.dim(), x2.dim()));
  const DimVector shape = broadcast_shapes("cosine_similarity", x1.sizes(), x2.sizes());
  const Tensor a = x1.expand(shape), b = x2.expand(shape);
  return sum(mul(normalize(a, 2, d, eps), normalize(b, 2, d, eps)), {d});
}

Tensor normalize(const Tensor& x, double p, int64_t dim, double eps) {
  return div(x, clamp_min(norm(x, p, {dim}, /*keepdim=*/true), eps));
}

}  // namespace tessera
