// Comparing vectors by their direction.
#pragma once

#include "core/tensor.h"

namespace tessera {

// out = sum(x1 * x2) / (max(|x1|, eps) * max(|x2|, eps)) over `dim`, which the result lacks. The shapes broadcast; both get
// gradients. Differentiable twice.
Tensor cosine_similarity(const Tensor& x1, const Tensor& x2, int64_t dim = 1, double eps = 1e-8);

// out = x / max(|x|_p, eps), the p-norm taken over `dim`: vectors of length 1, the shape unchanged. Differentiable twice.
Tensor normalize(const Tensor& x, double p = 2, int64_t dim = 1, double eps = 1e-12);

}  // namespace tessera
