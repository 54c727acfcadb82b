#include "nn/losses.h"

#include <ostream>

namespace tessera::nn {

Tensor NLLLossImpl::forward(const Tensor& input, const Tensor& target) {
  return nll_loss(input, target, weight, options.reduction(), options.ignore_index());
}
Tensor CrossEntropyLossImpl::forward(const Tensor& input, const Tensor& target) {
  return cross_entropy(input, target, weight, options.reduction(), options.ignore_index(), options.label_smoothing());
}
Tensor MSELossImpl::forward(const Tensor& input, const Tensor& target) {
  return mse_loss(input, target, options.reduction());
}
Tensor L1LossImpl::forward(const Tensor& input, const Tensor& target) {
  return l1_loss(input, target, options.reduction());
}
Tensor SmoothL1LossImpl::forward(const Tensor& input, const Tensor& target) {
  return smooth_l1_loss(input, target, options.reduction(), options.beta());
}
Tensor BCELossImpl::forward(const Tensor& input, const Tensor& target) {
  return binary_cross_entropy(input, target, weight, options.reduction());
}
Tensor BCEWithLogitsLossImpl::forward(const Tensor& input, const Tensor& target) {
  return binary_cross_entropy_with_logits(input, target, weight, options.reduction(), pos_weight);
}
Tensor KLDivLossImpl::forward(const Tensor& input, const Tensor& target) {
  return kl_div(input, target, options.reduction(), options.log_target());
}

void BCEWithLogitsLossImpl::reset() {
  weight = register_buffer("weight", options.weight());
  pos_weight = register_buffer("pos_weight", options.pos_weight());
}

void NLLLossImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::NLLLoss()";
}
void CrossEntropyLossImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::CrossEntropyLoss()";
}
void MSELossImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::MSELoss()";
}
void L1LossImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::L1Loss()";
}
void SmoothL1LossImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::SmoothL1Loss()";
}
void BCELossImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::BCELoss()";
}
void BCEWithLogitsLossImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::BCEWithLogitsLoss()";
}
void KLDivLossImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::KLDivLoss()";
}

}  // namespace tessera::nn
