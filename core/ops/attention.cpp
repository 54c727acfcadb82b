#include "core/ops/attention.h"

#include <cmath>

#include "core/ops/binary.h"
#include "core/ops/matmul.h"
#include "core/ops/shape.h"
#include "core/ops/similarity.h"
#include "core/ops/softmax.h"

namespace tessera {

Tensor attention(const Tensor& query, const Tensor& key, const Tensor& value, const std::string& similarity) {
  check<ShapeError>(
      query.dim() >= 2 && key.dim() >= 2 && value.dim() >= 2 && query.size(-1) == key.size(-1) && key.size(-2) == value.size(-2),
      "attention: query {}, key {} and value {} are not [..., Q, D], [..., K, D] and [..., K, E]", query.sizes(), key.sizes(),
      value.sizes());
  check<ValueError>(similarity == "dot" || similarity == "cosine", "attention: similarity '{}' is neither 'dot' nor 'cosine'",
                    similarity);
  const bool cosine = similarity == "cosine";
  const Tensor q = cosine ? normalize(query, 2, -1) : mul(query, 1 / std::sqrt(static_cast<double>(query.size(-1))));
  const Tensor k = cosine ? normalize(key, 2, -1) : key;
  return matmul(softmax(matmul(q, transpose(k, -2, -1)), -1), value);
}

}  // namespace tessera
