#include "nn/layers/attention.h"

#include <cmath>
#include <ostream>

#include "core/autograd.h"
#include "core/ops/binary.h"
#include "core/ops/creation.h"
#include "core/ops/matmul.h"
#include "core/ops/reduce.h"
#include "core/ops/shape.h"
#include "core/ops/similarity.h"
#include "core/ops/softmax.h"
#include "nn/init.h"

namespace tessera::nn {
namespace {

void check_similarity(const char* name, const std::string& similarity) {
  check<ValueError>(similarity == "dot" || similarity == "cosine" || similarity == "additive",
                    "{}: similarity \"{}\" is none of dot, cosine, additive", name, similarity);
}

Tensor scale(const Tensor& query, bool scaled) {
  return scaled ? mul(query, 1 / std::sqrt(static_cast<double>(query.size(-1)))) : query;
}

// Phase 1, each query with each key: [..., Q, D], [..., K, D] -> [..., Q, K]. v: [D], or [H, D] for queries [N, H, Q, D].
template <class Options> Tensor all_pairs(const Options& options, const Tensor& query, const Tensor& key, const Tensor& v) {
  if (options.similarity() == "dot") return matmul(scale(query, options.scaled()), transpose(key, -2, -1));
  if (options.similarity() == "cosine") return matmul(normalize(query, 2, -1), transpose(normalize(key, 2, -1), -2, -1));
  const Tensor hidden = add(unsqueeze(query, -2), unsqueeze(key, -3));      // [..., Q, K, D]
  tanh_(hidden);                                                            // in place: one tensor of this size
  const Tensor scores = matmul(flatten(hidden, -3, -2), unsqueeze(v, -1));  // [..., Q K, 1]
  return reshape(scores, IntArrayRef(hidden.sizes().data(), hidden.sizes().size() - 1));
}

// The diagonal of all_pairs: [..., L, D], [..., L, D] -> [..., L].
Tensor pairs(const AttentionOptions& options, const Tensor& query, const Tensor& key, const Tensor& v) {
  if (options.similarity() == "dot") return sum(mul(scale(query, options.scaled()), key), {-1});
  if (options.similarity() == "cosine") return sum(mul(normalize(query, 2, -1), normalize(key, 2, -1)), {-1});
  return matmul(tanh_(add(query, key)), v);
}

// Phases 2 and 3: {output, weights}.
std::tuple<Tensor, Tensor> weighted_sum(const Tensor& scores, const Tensor& value) {
  const Tensor weights = softmax(scores, -1);
  return {matmul(weights, value), weights};
}

}  // namespace

AttentionImpl::AttentionImpl(const AttentionOptions& options) : options(options) { AttentionImpl::reset(); }

void AttentionImpl::reset() {
  const bool additive = options.similarity() == "additive";
  const int64_t embed_dim = options.embed_dim(), key_dim = options.key_dim().value_or(embed_dim);
  const bool projected = additive || options.hidden_dim();
  const int64_t hidden_dim = options.hidden_dim().value_or(embed_dim);
  check_similarity("Attention", options.similarity());
  check<ValueError>(embed_dim >= 1 && key_dim >= 1 && hidden_dim >= 1,
                    "Attention: embed_dim {}, key_dim {} and hidden_dim {} must be at least 1", embed_dim, key_dim, hidden_dim);
  check<ValueError>(
      projected || (key_dim == embed_dim && !options.bias()),
      "Attention: queries of {} and keys of {} numbers, bias {}. Without hidden_dim the sizes must agree, and there "
      "is no bias.",
      embed_dim, key_dim, options.bias());
  if (!projected) return;
  q_proj = register_module("q_proj", Linear(LinearOptions(embed_dim, hidden_dim).bias(options.bias())));
  k_proj = register_module("k_proj", Linear(LinearOptions(key_dim, hidden_dim).bias(false)));
  if (!additive) return;
  v = register_parameter("v", empty({hidden_dim}));
  const double bound = 1 / std::sqrt(static_cast<double>(hidden_dim));
  init::uniform_(v, -bound, bound);
}

void AttentionImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::Attention(embed_dim=" << options.embed_dim() << ", similarity=" << options.similarity() << ')';
}

void AttentionImpl::check_sizes(const Tensor& query, const Tensor& key) const {
  const int64_t key_dim = options.key_dim().value_or(options.embed_dim());
  check<ShapeError>(query.dim() >= 2 && key.dim() >= 2 && query.size(-1) == options.embed_dim() && key.size(-1) == key_dim,
                    "Attention: query {} and key {} are not [..., Q, {}] and [..., K, {}]", query.sizes(), key.sizes(),
                    options.embed_dim(), key_dim);
}

Tensor AttentionImpl::similarity(const Tensor& query, const Tensor& key) {
  check_sizes(query, key);
  return q_proj ? all_pairs(options, q_proj(query), k_proj(key), v) : all_pairs(options, query, key, v);
}

Tensor AttentionImpl::paired_similarity(const Tensor& query, const Tensor& key) {
  const autograd::LayerScope scope(registered_name());
  check_sizes(query, key);
  check<ShapeError>(query.size(-2) == key.size(-2), "Attention: {} queries cannot be paired with {} keys", query.size(-2),
                    key.size(-2));
  return q_proj ? pairs(options, q_proj(query), k_proj(key), v) : pairs(options, query, key, v);
}

std::tuple<Tensor, Tensor> AttentionImpl::forward_with_weights(const Tensor& query, const Tensor& key, const Tensor& value) {
  check_sizes(query, key);
  check<ShapeError>(value.dim() >= 2 && value.size(-2) == key.size(-2), "Attention: value {} is not [..., {}, E] as the key {}",
                    value.sizes(), key.size(-2), key.sizes());
  return weighted_sum(similarity(query, key), value);
}

Tensor AttentionImpl::forward(const Tensor& query, const Tensor& key, const Tensor& value) {
  return std::get<0>(forward_with_weights(query, key, value));
}

MultiheadAttentionImpl::MultiheadAttentionImpl(const MultiheadAttentionOptions& options) : options(options) {
  MultiheadAttentionImpl::reset();
}

void MultiheadAttentionImpl::reset() {
  const int64_t embed_dim = options.embed_dim(), heads = options.num_heads();
  check_similarity("MultiheadAttention", options.similarity());
  check<ValueError>(embed_dim >= 1 && heads >= 1 && embed_dim % heads == 0,
                    "MultiheadAttention: embed_dim {} is not a multiple of num_heads {}, both at least 1", embed_dim, heads);
  in_proj_weight = register_parameter("in_proj_weight", empty({3 * embed_dim, embed_dim}));
  in_proj_bias = register_parameter("in_proj_bias", options.bias() ? zeros({3 * embed_dim}) : Tensor());
  out_proj = register_module("out_proj", Linear(LinearOptions(embed_dim, embed_dim).bias(options.bias())));
  init::xavier_uniform_(in_proj_weight);
  if (options.bias()) init::zeros_(out_proj->bias);
  if (options.similarity() != "additive") return;
  v = register_parameter("v", empty({heads, embed_dim / heads}));
  const double bound = 1 / std::sqrt(static_cast<double>(embed_dim / heads));
  init::uniform_(v, -bound, bound);
}

void MultiheadAttentionImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::MultiheadAttention(embed_dim=" << options.embed_dim() << ", num_heads=" << options.num_heads()
         << ", similarity=" << options.similarity() << ')';
}

Tensor MultiheadAttentionImpl::project(const Tensor& x, int64_t part) const {
  const int64_t embed_dim = options.embed_dim(), heads = options.num_heads();
  const auto own = [&](const Tensor& all) { return narrow(all, 0, part * embed_dim, embed_dim); };
  const Tensor y = linear(x, own(in_proj_weight), in_proj_bias.defined() ? own(in_proj_bias) : Tensor());
  return transpose(view(y, {x.size(0), x.size(1), heads, embed_dim / heads}), 1, 2);
}

std::tuple<Tensor, Tensor> MultiheadAttentionImpl::forward_with_weights(const Tensor& query, const Tensor& key,
                                                                        const Tensor& value) {
  const int64_t embed_dim = options.embed_dim();
  const auto fits = [&](const Tensor& x) { return x.dim() == 3 && x.size(0) == query.size(0) && x.size(2) == embed_dim; };
  check<ShapeError>(fits(query) && fits(key) && fits(value) && key.size(1) == value.size(1),
                    "MultiheadAttention: query {}, key {} and value {} are not [N, Q, {}], [N, K, {}] and [N, K, {}]",
                    query.sizes(), key.sizes(), value.sizes(), embed_dim, embed_dim, embed_dim);
  const auto [heads, weights] = weighted_sum(all_pairs(options, project(query, 0), project(key, 1), v), project(value, 2));
  const Tensor joined = reshape(transpose(heads, 1, 2), {query.size(0), query.size(1), embed_dim});
  return {out_proj(joined), weights};
}

Tensor MultiheadAttentionImpl::forward(const Tensor& query, const Tensor& key, const Tensor& value) {
  return std::get<0>(forward_with_weights(query, key, value));
}

}  // namespace tessera::nn
