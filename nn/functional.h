// nn::functional: the ops under the names and with the option structs of libtorch. Each function comes in the positional form of
// core/ops/, where its contract stands, and in one with options:
//
//     namespace F = tessera::nn::functional;
//     y = F::conv2d(x, weight, F::Conv2dFuncOptions().bias(bias).stride(2).padding(1));
//     y = F::interpolate(x, F::InterpolateFuncOptions().scale_factor(std::vector<double>{2, 2}).mode(kBilinear));
#pragma once

#include "core/ops.h"
#include "nn/functional/activation.h"
#include "nn/functional/conv.h"
#include "nn/functional/dropout.h"
#include "nn/functional/norm.h"
#include "nn/functional/pad.h"
#include "nn/layers/linear.h"
#include "nn/layers/pool.h"
#include "nn/losses.h"

namespace tessera::nn::functional {

// --- Pooling and resampling ----------------------------------------------------------------------------------------------------
using MaxPool2dFuncOptions = MaxPool2dOptions;
using AvgPool2dFuncOptions = AvgPool2dOptions;
using AdaptiveAvgPool2dFuncOptions = AdaptiveAvgPool2dOptions;
using tessera::adaptive_avg_pool2d;
using tessera::avg_pool2d;
using tessera::max_pool2d;
using tessera::max_pool2d_with_indices;
inline Tensor max_pool2d(const Tensor& input, const MaxPool2dFuncOptions& o) {
  return MaxPool2dImpl(o).forward(input);
}
inline std::tuple<Tensor, Tensor> max_pool2d_with_indices(const Tensor& input, const MaxPool2dFuncOptions& o) {
  return MaxPool2dImpl(o).forward_with_indices(input);
}
inline Tensor avg_pool2d(const Tensor& input, const AvgPool2dFuncOptions& o) {
  return AvgPool2dImpl(o).forward(input);
}
inline Tensor adaptive_avg_pool2d(const Tensor& input, const AdaptiveAvgPool2dFuncOptions& o) {
  return AdaptiveAvgPool2dImpl(o.output_size()).forward(input);
}
using MaxUnpool2dFuncOptions = MaxUnpool2dOptions;
inline Tensor max_unpool2d(const Tensor& input, const Tensor& indices, const MaxUnpool2dFuncOptions& o,
                           const std::optional<std::vector<int64_t>>& output_size = {}) {
  return MaxUnpool2dImpl(o).forward(input, indices, output_size);
}
class InterpolateFuncOptions {
 public:
  TESSERA_ARG(std::optional<std::vector<int64_t>>, size) = {};
  TESSERA_ARG(std::optional<std::vector<double>>, scale_factor) = {};
  TESSERA_ARG(InterpolateMode, mode) = kNearest;
  TESSERA_ARG(std::optional<bool>, align_corners) = {};
  TESSERA_ARG(bool, recompute_scale_factor) = false;
};
using tessera::interpolate;
inline Tensor interpolate(const Tensor& input, const InterpolateFuncOptions& o) {
  return tessera::interpolate(input, InterpolateOptions{.size = o.size(),
                                                        .scale_factor = o.scale_factor(),
                                                        .mode = o.mode(),
                                                        .align_corners = o.align_corners(),
                                                        .recompute_scale_factor = o.recompute_scale_factor()});
}
// --- Comparing vectors, labels -------------------------------------------------------------------------------------------------
using CosineSimilarityFuncOptions = CosineSimilarityOptions;
using PairwiseDistanceFuncOptions = PairwiseDistanceOptions;
using tessera::cosine_similarity;
inline Tensor cosine_similarity(const Tensor& x1, const Tensor& x2, const CosineSimilarityFuncOptions& o) {
  return cosine_similarity(x1, x2, o.dim(), o.eps());
}
inline Tensor pairwise_distance(const Tensor& x1, const Tensor& x2, const PairwiseDistanceFuncOptions& o = {}) {
  return PairwiseDistanceImpl(o).forward(x1, x2);
}
using tessera::one_hot;

// --- Losses --------------------------------------------------------------------------------------------------------------------
using NLLLossFuncOptions = NLLLossOptions;
using CrossEntropyFuncOptions = CrossEntropyLossOptions;
using MSELossFuncOptions = MSELossOptions;
using L1LossFuncOptions = L1LossOptions;
using SmoothL1LossFuncOptions = SmoothL1LossOptions;
using HuberLossFuncOptions = HuberLossOptions;
using BinaryCrossEntropyFuncOptions = BCELossOptions;
using BinaryCrossEntropyWithLogitsFuncOptions = BCEWithLogitsLossOptions;
using KLDivFuncOptions = KLDivLossOptions;
using tessera::binary_cross_entropy;
using tessera::binary_cross_entropy_with_logits;
using tessera::cross_entropy;
using tessera::dice_loss;
using tessera::focal_loss;
using tessera::huber_loss;
using tessera::kl_div;
using tessera::l1_loss;
using tessera::mse_loss;
using tessera::nll_loss;
using tessera::smooth_l1_loss;
inline Tensor nll_loss(const Tensor& input, const Tensor& target, const NLLLossFuncOptions& o) {
  return nll_loss(input, target, o.weight(), o.reduction(), o.ignore_index());
}
inline Tensor cross_entropy(const Tensor& input, const Tensor& target, const CrossEntropyFuncOptions& o) {
  return cross_entropy(input, target, o.weight(), o.reduction(), o.ignore_index(), o.label_smoothing());
}
inline Tensor mse_loss(const Tensor& input, const Tensor& target, const MSELossFuncOptions& o) {
  return mse_loss(input, target, o.reduction());
}
inline Tensor l1_loss(const Tensor& input, const Tensor& target, const L1LossFuncOptions& o) {
  return l1_loss(input, target, o.reduction());
}
inline Tensor huber_loss(const Tensor& input, const Tensor& target, const HuberLossFuncOptions& o) {
  return huber_loss(input, target, o.reduction(), o.delta());
}
inline Tensor smooth_l1_loss(const Tensor& input, const Tensor& target, const SmoothL1LossFuncOptions& o) {
  return smooth_l1_loss(input, target, o.reduction(), o.beta());
}
inline Tensor binary_cross_entropy(const Tensor& input, const Tensor& target, const BinaryCrossEntropyFuncOptions& o) {
  return binary_cross_entropy(input, target, o.weight(), o.reduction());
}
inline Tensor binary_cross_entropy_with_logits(const Tensor& input, const Tensor& target,
                                               const BinaryCrossEntropyWithLogitsFuncOptions& o) {
  return binary_cross_entropy_with_logits(input, target, o.weight(), o.reduction(), o.pos_weight());
}
inline Tensor kl_div(const Tensor& input, const Tensor& target, const KLDivFuncOptions& o) {
  return kl_div(input, target, o.reduction(), o.log_target());
}

}  // namespace tessera::nn::functional
