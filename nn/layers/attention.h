// The attention of the notes on U-Net, ResNet and SE, in its three phases:
//   1  a similarity S_ij of each query q_i and each key k_j
//   2  weights a_ij = softmax_j S_ij: those of one query sum to 1
//   3  out_i = sum_j a_ij v_j
// The similarities, for vectors of D numbers:
//   "dot"       S_ij = q_i . k_j / sqrt(D)                       Vaswani et al., 2017; without the root if scaled is false
//   "cosine"    S_ij = q_i . k_j / (|q_i| |k_j|)
//   "additive"  S_ij = v . tanh(W_q q_i + W_k k_j)               an MLP; Bahdanau, Cho & Bengio, 2015
// Memory: Q K scores and as many weights for each batch entry and head, of which training keeps the weights; "additive" makes
// and keeps a tensor [..., Q, K, D] besides. paired_similarity is linear in the length.
#pragma once

#include <string>
#include <tuple>

#include "nn/layers/linear.h"

namespace tessera::nn {

class AttentionOptions {
 public:
  explicit AttentionOptions(int64_t embed_dim) : embed_dim_(embed_dim) {}
  TESSERA_ARG(int64_t, embed_dim);                       // size of the queries
  TESSERA_ARG(std::optional<int64_t>, key_dim) = {};     // size of the keys; default: embed_dim
  TESSERA_ARG(std::string, similarity) = "dot";          // or "cosine" or "additive"
  TESSERA_ARG(bool, scaled) = true;                      // "dot": divide by sqrt(D)
  TESSERA_ARG(std::optional<int64_t>, hidden_dim) = {};  // D after projection; default: none, for "additive" embed_dim
  TESSERA_ARG(bool, bias) = false;                       // of the projection of the queries
};

// Attention with one head. Parameters: none for "dot" and "cosine" without hidden_dim, whose queries and keys are compared as
// they are, exactly as attention() of core/ops/attention.h does; else q_proj.weight [hidden_dim, embed_dim], q_proj.bias
// [hidden_dim] under `bias`, k_proj.weight [hidden_dim, key_dim], and for "additive" v [hidden_dim], uniform in
// +-1 / sqrt(hidden_dim) like the projections.
// ValueError for another name of a similarity, sizes below 1, and key_dim != embed_dim or bias without projections.
class AttentionImpl : public Cloneable<AttentionImpl> {
 public:
  explicit AttentionImpl(const AttentionOptions& options);
  void reset() override;
  void pretty_print(std::ostream& stream) const override;

  // query [..., Q, embed_dim], key [..., K, key_dim], value [..., K, E] -> [..., Q, E]; leading dimensions broadcast.
  // ShapeError for others.
  Tensor forward(const Tensor& query, const Tensor& key, const Tensor& value);
  // {output, weights [..., Q, K]}
  std::tuple<Tensor, Tensor> forward_with_weights(const Tensor& query, const Tensor& key, const Tensor& value);
  // Phase 1 alone: [..., Q, embed_dim], [..., K, key_dim] -> [..., Q, K].
  Tensor similarity(const Tensor& query, const Tensor& key);
  // Of query i with key i alone: [..., L, embed_dim], [..., L, key_dim] -> [..., L], the diagonal of similarity.
  Tensor paired_similarity(const Tensor& query, const Tensor& key);

  AttentionOptions options;
  Linear q_proj = nullptr, k_proj = nullptr;
  Tensor v;

 private:
  void check_sizes(const Tensor& query, const Tensor& key) const;
};
TESSERA_MODULE(Attention);

class MultiheadAttentionOptions {
 public:
  MultiheadAttentionOptions(int64_t embed_dim, int64_t num_heads) : embed_dim_(embed_dim), num_heads_(num_heads) {}
  TESSERA_ARG(int64_t, embed_dim);
  TESSERA_ARG(int64_t, num_heads);
  TESSERA_ARG(std::string, similarity) = "dot";  // or "cosine" or "additive"
  TESSERA_ARG(bool, scaled) = true;              // "dot": divide by sqrt(embed_dim / num_heads)
  TESSERA_ARG(bool, bias) = true;                // of all projections
};

// Multi-head attention (Vaswani et al., 2017, 3.2.2): queries, keys and values are projected, cut into num_heads parts of
// D = embed_dim / num_heads numbers, each part attends for itself, and the parts side by side are projected again.
// Parameters, named and initialised as in PyTorch's MultiheadAttention: in_proj_weight [3 E, E] (queries, keys, values; Glorot,
// uniform), in_proj_bias [3 E] (zeros), out_proj.weight [E, E], out_proj.bias [E] (zeros). "additive" adds v [num_heads, D]; its
// W_q and W_k are the projections.
// Unlike PyTorch's, the batch comes first and the weights are those of each head. ValueError for sizes below 1, an embed_dim
// that num_heads does not divide, and another name of a similarity.
class MultiheadAttentionImpl : public Cloneable<MultiheadAttentionImpl> {
 public:
  MultiheadAttentionImpl(int64_t embed_dim, int64_t num_heads)
      : MultiheadAttentionImpl(MultiheadAttentionOptions(embed_dim, num_heads)) {}
  explicit MultiheadAttentionImpl(const MultiheadAttentionOptions& options);
  void reset() override;
  void pretty_print(std::ostream& stream) const override;

  // query [N, Q, E], key [N, K, E], value [N, K, E] -> [N, Q, E]. ShapeError for others.
  Tensor forward(const Tensor& query, const Tensor& key, const Tensor& value);
  // {output, weights [N, num_heads, Q, K]}
  std::tuple<Tensor, Tensor> forward_with_weights(const Tensor& query, const Tensor& key, const Tensor& value);

  MultiheadAttentionOptions options;
  Tensor in_proj_weight, in_proj_bias, v;
  Linear out_proj = nullptr;

 private:
  Tensor project(const Tensor& x, int64_t part) const;  // [N, L, E] -> [N, heads, L, D]
};
TESSERA_MODULE(MultiheadAttention);

}  // namespace tessera::nn
