// nn::functional: the ops under the names and with the option structs of libtorch. Each function comes in the positional form of
// core/ops/, where its contract stands, and in one with options:
//
//     namespace F = tessera::nn::functional;
//     y = F::conv2d(x, weight, F::Conv2dFuncOptions().bias(bias).stride(2).padding(1));
//     y = F::interpolate(x, F::InterpolateFuncOptions().scale_factor(std::vector<double>{2, 2}).mode(kBilinear));
#pragma once

#include <string>

#include "core/ops.h"
#include "nn/layers/activation.h"
#include "nn/layers/linear.h"
#include "nn/layers/norm.h"
#include "nn/layers/pool.h"
#include "nn/losses.h"

namespace tessera {
inline const std::string kConstant = "constant", kReflect = "reflect", kReplicate = "replicate";  // modes of pad
}  // namespace tessera

namespace tessera::nn::functional {

// --- Convolution and matrix product --------------------------------------------------------------------------------------------
using tessera::linear;
class Conv2dFuncOptions {
 public:
  TESSERA_ARG(Tensor, bias) = {};
  TESSERA_ARG(ExpandingArray<2>, stride) = 1;
  TESSERA_ARG(ExpandingArray<2>, padding) = 0;
  TESSERA_ARG(ExpandingArray<2>, dilation) = 1;
  TESSERA_ARG(int64_t, groups) = 1;
};
using tessera::conv2d;
inline Tensor conv2d(const Tensor& input, const Tensor& weight, const Conv2dFuncOptions& o) {
  return conv2d(input, weight, o.bias(), o.stride(), o.padding(), o.dilation(), o.groups());
}
class ConvTranspose2dFuncOptions {
 public:
  TESSERA_ARG(Tensor, bias) = {};
  TESSERA_ARG(ExpandingArray<2>, stride) = 1;
  TESSERA_ARG(ExpandingArray<2>, padding) = 0;
  TESSERA_ARG(ExpandingArray<2>, output_padding) = 0;
  TESSERA_ARG(int64_t, groups) = 1;
  TESSERA_ARG(ExpandingArray<2>, dilation) = 1;
};
using tessera::conv_transpose2d;
inline Tensor conv_transpose2d(const Tensor& input, const Tensor& weight, const ConvTranspose2dFuncOptions& o) {
  return conv_transpose2d(input, weight, o.bias(), o.stride(), o.padding(), o.output_padding(), o.groups(), o.dilation());
}

// --- Normalisation -------------------------------------------------------------------------------------------------------------
class BatchNormFuncOptions {
 public:
  TESSERA_ARG(Tensor, weight) = {};
  TESSERA_ARG(Tensor, bias) = {};
  TESSERA_ARG(bool, training) = false;
  TESSERA_ARG(double, momentum) = 0.1;
  TESSERA_ARG(double, eps) = 1e-5;
};
using tessera::batch_norm;
using tessera::group_norm;
using tessera::layer_norm;
inline Tensor batch_norm(const Tensor& input, const Tensor& running_mean, const Tensor& running_var,
                         const BatchNormFuncOptions& o = {}) {
  return batch_norm(input, o.weight(), o.bias(), running_mean, running_var, o.training(), o.momentum(), o.eps());
}

// --- Pooling, resampling, padding ----------------------------------------------------------------------------------------------
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
class PadFuncOptions {
 public:
  PadFuncOptions(std::vector<int64_t> pad) : pad_(std::move(pad)) {}  // NOLINT: implicit, as in libtorch
  TESSERA_ARG(std::vector<int64_t>, pad);
  TESSERA_ARG(std::string, mode) = kConstant;
  TESSERA_ARG(double, value) = 0;
};
using tessera::pad;
inline Tensor pad(const Tensor& input, const PadFuncOptions& o) {
  return pad(input, o.pad(), o.mode(), o.value());
}

// --- Activations and dropout ---------------------------------------------------------------------------------------------------
using ReLUFuncOptions = ReLUOptions;
using LeakyReLUFuncOptions = LeakyReLUOptions;
using ELUFuncOptions = ELUOptions;
using SoftmaxFuncOptions = SoftmaxOptions;
using LogSoftmaxFuncOptions = LogSoftmaxOptions;
using tessera::elu;
using tessera::gelu;
using tessera::leaky_relu;
using tessera::log_softmax;
using tessera::sigmoid;
using tessera::silu;
using tessera::softmax;
using tessera::softmin;
using tessera::softplus;
using tessera::tanh;
inline Tensor relu(const Tensor& input, const ReLUFuncOptions& o = {}) {
  return ReLUImpl(o).forward(input);
}
inline Tensor leaky_relu(const Tensor& input, const LeakyReLUFuncOptions& o) {
  return LeakyReLUImpl(o).forward(input);
}
inline Tensor elu(const Tensor& input, const ELUFuncOptions& o) {
  return ELUImpl(o).forward(input);
}
inline Tensor softmax(const Tensor& input, const SoftmaxFuncOptions& o) {
  return softmax(input, o.dim());
}
inline Tensor log_softmax(const Tensor& input, const LogSoftmaxFuncOptions& o) {
  return log_softmax(input, o.dim());
}
class DropoutFuncOptions {
 public:
  TESSERA_ARG(double, p) = 0.5;
  TESSERA_ARG(bool, training) = false;
};
// As in libtorch, and unlike the layer, it does nothing unless told to be training.
inline Tensor dropout(const Tensor& input, const DropoutFuncOptions& o = {}) {
  return tessera::dropout(input, o.p(), o.training());
}

// --- Losses --------------------------------------------------------------------------------------------------------------------
using NLLLossFuncOptions = NLLLossOptions;
using CrossEntropyFuncOptions = CrossEntropyLossOptions;
using MSELossFuncOptions = MSELossOptions;
using L1LossFuncOptions = L1LossOptions;
using SmoothL1LossFuncOptions = SmoothL1LossOptions;
using BinaryCrossEntropyFuncOptions = BCELossOptions;
using BinaryCrossEntropyWithLogitsFuncOptions = BCEWithLogitsLossOptions;
using KLDivFuncOptions = KLDivLossOptions;
using tessera::binary_cross_entropy;
using tessera::binary_cross_entropy_with_logits;
using tessera::cross_entropy;
using tessera::dice_loss;
using tessera::focal_loss;
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
