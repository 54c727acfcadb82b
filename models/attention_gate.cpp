#include "models/attention_gate.h"

#include "core/ops/binary.h"
#include "core/ops/creation.h"
#include "core/ops/shape.h"

namespace tessera::models {
namespace {

// [N, C, H, W] -> [N, H W, C]
Tensor pixels(const Tensor& x) { return flatten(permute(x, {0, 2, 3, 1}), 1, 2); }

}  // namespace

AttentionGateImpl::AttentionGateImpl(int64_t gating_channels, int64_t channels, const std::string& similarity) {
  check<ValueError>(gating_channels >= 1 && channels >= 1, "AttentionGate: {} and {} channels; both must be at least 1",
                    gating_channels, channels);
  weight_ = register_parameter("weight", ones({1}));
  bias_ = register_parameter("bias", zeros({1}));
  attention_ = register_module("attention", nn::Attention(nn::AttentionOptions(gating_channels)
                                                              .key_dim(channels)
                                                              .hidden_dim(std::max<int64_t>(1, channels / 2))
                                                              .bias(true)
                                                              .similarity(similarity)));
}

Tensor AttentionGateImpl::weights(const Tensor& gating, const Tensor& x) {
  check<ShapeError>(gating.dim() == 4 && x.dim() == 4 && gating.size(0) == x.size(0) && gating.size(2) == x.size(2) &&
                        gating.size(3) == x.size(3),
                    "AttentionGate: gating {} and features {} are not [N, C, H, W] of one size", gating.sizes(), x.sizes());
  const Tensor scores = attention_->paired_similarity(pixels(gating), pixels(x));  // [N, H W]
  return reshape(sigmoid(add(mul(scores, weight_), bias_)), {x.size(0), 1, x.size(2), x.size(3)});
}

Tensor AttentionGateImpl::forward(const Tensor& gating, const Tensor& x) { return mul(x, weights(gating, x)); }

}  // namespace tessera::models
