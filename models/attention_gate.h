// The attention gate on the skip connections of a U-Net (Oktay et al., "Attention U-Net: learning where to look for the
// pancreas", 2018): the deep features say which pixels of the shallow ones matter.
#pragma once

#include "nn/layers/attention.h"

namespace tessera::models {

// out_i = alpha_i x_i,  alpha_i = sigmoid(weight S(g_i, x_i) + bias)
// for each pixel i: x_i its shallow features, g_i the deep ones, brought to the same size. S is the similarity of nn::Attention
// with the query g_i and the key x_i, both projected to max(1, channels / 2) numbers:
//     "additive"   v . tanh(W_g g_i + b_g + W_x x_i)           (Oktay et al. have a ReLU in place of tanh)
//     "dot"        (W_g g_i + b_g) . (W_x x_i) / sqrt(D)
//     "cosine"     their cosine
// These are the three phases of attention where each pixel has one query and two candidates, its own features and zero, the
// latter with score 0: softmax(s, 0) gives the former the weight sigmoid(s). So the memory is linear in the number of pixels.
//
// Parameters: weight [1] (1) and bias [1] (0), then attention.v (additive), attention.q_proj.weight = W_g,
// attention.q_proj.bias = b_g and attention.k_proj.weight = W_x, initialised as in nn::Attention. A batch of images that is not
// channels-last is copied once, pixel by pixel. ValueError for another similarity, or sizes below 1.
class AttentionGateImpl : public nn::Module {
 public:
  AttentionGateImpl(int64_t gating_channels, int64_t channels, const std::string& similarity);
  // gating [N, gating_channels, H, W], x [N, channels, H, W] -> x's shape and memory format. ShapeError for others.
  Tensor forward(const Tensor& gating, const Tensor& x);
  // alpha [N, 1, H, W], in (0, 1)
  Tensor weights(const Tensor& gating, const Tensor& x);

 private:
  nn::Attention attention_ = nullptr;
  Tensor weight_, bias_;
};
TESSERA_MODULE(AttentionGate);

}  // namespace tessera::models
