// Attention: values averaged by how similar their keys are to a query.
#pragma once

#include <string>

#include "core/tensor.h"

namespace tessera {

// out = softmax(S, -1) V with the similarities S [..., Q, K] of queries and keys:
//   "dot"     S_ij = q_i . k_j / sqrt(D)                     (Vaswani et al., 2017)
//   "cosine"  S_ij = q_i . k_j / (|q_i| |k_j|)
// query [..., Q, D], key [..., K, D], value [..., K, E] give [..., Q, E]; leading dimensions broadcast. All three get gradients.
// Throws ShapeError, and ValueError for another name of a similarity.
Tensor attention(const Tensor& query, const Tensor& key, const Tensor& value, const std::string& similarity = "dot");

}  // namespace tessera
