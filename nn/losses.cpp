#include "nn/losses.h"

#include <ostream>

#include "core/ops/binary.h"

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

Tensor HuberLossImpl::forward(const Tensor& input, const Tensor& target) {
  return huber_loss(input, target, options.reduction(), options.delta());
}
Tensor FocalLossImpl::forward(const Tensor& input, const Tensor& target) {
  return focal_loss(input, target, weight, options.alpha(), options.gamma(), options.ignore_index());
}
Tensor DiceLossImpl::forward(const Tensor& input, const Tensor& target) {
  return dice_loss(input, target, options.beta(), options.smooth(), options.ignore_index());
}

SumLossImpl::SumLossImpl(std::vector<LossTerm> terms) : terms_(std::move(terms)) {
  check<ValueError>(!terms_.empty(), "SumLoss: there are no terms");
  for (size_t i = 0; i < terms_.size(); ++i) register_module(std::to_string(i), terms_[i].loss.ptr());
}
Tensor SumLossImpl::forward(const Tensor& input, const Tensor& target) {
  Tensor total;
  for (const LossTerm& term : terms_) {
    const Tensor loss = mul(term.loss.forward(input, target), term.weight);
    total = total.defined() ? add(total, loss) : loss;
  }
  return total;
}
std::shared_ptr<Module> SumLossImpl::clone(const std::optional<Device>& device) const {
  std::vector<LossTerm> terms = terms_;
  for (LossTerm& term : terms) term.loss = term.loss.clone(device);
  auto copy = std::make_shared<SumLossImpl>(std::move(terms));
  copy->copy_training(*this);
  return copy;
}

void BCEWithLogitsLossImpl::reset() {
  weight = register_buffer("weight", copy_of(options.weight()));
  pos_weight = register_buffer("pos_weight", copy_of(options.pos_weight()));
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
void HuberLossImpl::pretty_print(std::ostream& stream) const { stream << "tessera::nn::HuberLoss()"; }
void FocalLossImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::FocalLoss(gamma=" << options.gamma() << ')';
}
void DiceLossImpl::pretty_print(std::ostream& stream) const { stream << "tessera::nn::DiceLoss()"; }
void SumLossImpl::pretty_print(std::ostream& stream) const { stream << "tessera::nn::SumLoss"; }

}  // namespace tessera::nn
