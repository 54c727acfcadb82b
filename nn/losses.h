// Losses as modules. Formulas, shapes and errors: core/ops/loss.h. `weight` of a loss is a buffer: it moves with the module.
#pragma once

#include "core/ops/loss.h"
#include "nn/any_module.h"
#include "nn/layers/layer.h"

namespace tessera::nn {

// A weight in memory of the module's own, so that clones do not share it.
inline Tensor copy_of(const Tensor& weight) { return weight.defined() ? weight.detach().clone() : Tensor(); }

class NLLLossOptions {
 public:
  TESSERA_ARG(Tensor, weight) = {};
  TESSERA_ARG(int64_t, ignore_index) = -100;
  TESSERA_ARG(Reduction, reduction) = kMean;
};
class CrossEntropyLossOptions {
 public:
  TESSERA_ARG(Tensor, weight) = {};
  TESSERA_ARG(int64_t, ignore_index) = -100;
  TESSERA_ARG(Reduction, reduction) = kMean;
  TESSERA_ARG(double, label_smoothing) = 0;
};
class MSELossOptions {
 public:
  MSELossOptions(Reduction reduction = kMean) : reduction_(reduction) {}  // NOLINT: implicit, as in libtorch
  TESSERA_ARG(Reduction, reduction);
};
using L1LossOptions = MSELossOptions;
class SmoothL1LossOptions {
 public:
  SmoothL1LossOptions(Reduction reduction = kMean) : reduction_(reduction) {}  // NOLINT
  TESSERA_ARG(Reduction, reduction);
  TESSERA_ARG(double, beta) = 1;
};
class HuberLossOptions {
 public:
  HuberLossOptions(Reduction reduction = kMean) : reduction_(reduction) {}  // NOLINT
  TESSERA_ARG(Reduction, reduction);
  TESSERA_ARG(double, delta) = 1;
};
class BCELossOptions {
 public:
  TESSERA_ARG(Tensor, weight) = {};
  TESSERA_ARG(Reduction, reduction) = kMean;
};
class BCEWithLogitsLossOptions {
 public:
  TESSERA_ARG(Tensor, weight) = {};
  TESSERA_ARG(Reduction, reduction) = kMean;
  TESSERA_ARG(Tensor, pos_weight) = {};
};
class KLDivLossOptions {
 public:
  KLDivLossOptions(Reduction reduction = kMean) : reduction_(reduction) {}  // NOLINT
  TESSERA_ARG(Reduction, reduction);
  TESSERA_ARG(bool, log_target) = false;
};

class FocalLossOptions {
 public:
  TESSERA_ARG(Tensor, weight) = {};
  TESSERA_ARG(std::optional<double>, alpha) = 0.5;
  TESSERA_ARG(double, gamma) = 2;
  TESSERA_ARG(int64_t, ignore_index) = -100;
};
class DiceLossOptions {
 public:
  TESSERA_ARG(double, beta) = 1;
  TESSERA_ARG(double, smooth) = 1e-5;
  TESSERA_ARG(int64_t, ignore_index) = -100;
};

// input: log-probabilities [N, C, ...]; target: int64 [N, ...]
class NLLLossImpl : public Cloneable<NLLLossImpl> {
 public:
  explicit NLLLossImpl(const NLLLossOptions& options = {}) : options(options) { NLLLossImpl::reset(); }
  void reset() override { weight = register_buffer("weight", copy_of(options.weight())); }
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input, const Tensor& target);
  NLLLossOptions options;
  Tensor weight;
};
TESSERA_MODULE(NLLLoss);

// input: scores [N, C, ...]; target: int64 [N, ...], or probabilities of the input's shape
class CrossEntropyLossImpl : public Cloneable<CrossEntropyLossImpl> {
 public:
  explicit CrossEntropyLossImpl(const CrossEntropyLossOptions& options = {}) : options(options) { CrossEntropyLossImpl::reset(); }
  void reset() override { weight = register_buffer("weight", copy_of(options.weight())); }
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input, const Tensor& target);
  CrossEntropyLossOptions options;
  Tensor weight;
};
TESSERA_MODULE(CrossEntropyLoss);

class MSELossImpl : public OptionsLayer<MSELossImpl, MSELossOptions> {
 public:
  using OptionsLayer::OptionsLayer;
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input, const Tensor& target);
};
TESSERA_MODULE(MSELoss);

class L1LossImpl : public OptionsLayer<L1LossImpl, L1LossOptions> {
 public:
  using OptionsLayer::OptionsLayer;
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input, const Tensor& target);
};
TESSERA_MODULE(L1Loss);

class SmoothL1LossImpl : public OptionsLayer<SmoothL1LossImpl, SmoothL1LossOptions> {
 public:
  using OptionsLayer::OptionsLayer;
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input, const Tensor& target);
};
TESSERA_MODULE(SmoothL1Loss);

class HuberLossImpl : public OptionsLayer<HuberLossImpl, HuberLossOptions> {
 public:
  using OptionsLayer::OptionsLayer;
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input, const Tensor& target);
};
TESSERA_MODULE(HuberLoss);

// input: probabilities
class BCELossImpl : public Cloneable<BCELossImpl> {
 public:
  explicit BCELossImpl(const BCELossOptions& options = {}) : options(options) { BCELossImpl::reset(); }
  void reset() override { weight = register_buffer("weight", copy_of(options.weight())); }
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input, const Tensor& target);
  BCELossOptions options;
  Tensor weight;
};
TESSERA_MODULE(BCELoss);

// input: scores, of which the sigmoid is the probability
class BCEWithLogitsLossImpl : public Cloneable<BCEWithLogitsLossImpl> {
 public:
  explicit BCEWithLogitsLossImpl(const BCEWithLogitsLossOptions& options = {}) : options(options) {
    BCEWithLogitsLossImpl::reset();
  }
  void reset() override;
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input, const Tensor& target);
  BCEWithLogitsLossOptions options;
  Tensor weight, pos_weight;
};
TESSERA_MODULE(BCEWithLogitsLoss);

// input: log-probabilities
class KLDivLossImpl : public OptionsLayer<KLDivLossImpl, KLDivLossOptions> {
 public:
  using OptionsLayer::OptionsLayer;
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input, const Tensor& target);
};
TESSERA_MODULE(KLDivLoss);

// input: scores [N, C, ...]; target: int64 [N, ...]
class FocalLossImpl : public Cloneable<FocalLossImpl> {
 public:
  explicit FocalLossImpl(const FocalLossOptions& options = {}) : options(options) { FocalLossImpl::reset(); }
  void reset() override { weight = register_buffer("weight", copy_of(options.weight())); }
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input, const Tensor& target);
  FocalLossOptions options;
  Tensor weight;
};
TESSERA_MODULE(FocalLoss);

// input: scores [N, C, ...]; target: int64 [N, ...], or one-hot (or probabilities) of the input's shape
class DiceLossImpl : public OptionsLayer<DiceLossImpl, DiceLossOptions> {
 public:
  using OptionsLayer::OptionsLayer;
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input, const Tensor& target);
};
TESSERA_MODULE(DiceLoss);

// weight_0 loss_0(input, target) + weight_1 loss_1(input, target) + ..., of losses that take the same target:
//     SumLoss loss({{1, CrossEntropyLoss()}, {0.5, DiceLoss()}});
struct LossTerm {
  double weight;
  AnyModule loss;  // a child "0", "1", ...
};
class SumLossImpl : public Module {
 public:
  explicit SumLossImpl(std::vector<LossTerm> terms);  // at least one, else ValueError
  Tensor forward(const Tensor& input, const Tensor& target);
  const std::vector<LossTerm>& terms() const { return terms_; }
  std::shared_ptr<Module> clone(const std::optional<Device>& device = {}) const override;
  void pretty_print(std::ostream& stream) const override;

 private:
  std::vector<LossTerm> terms_;
};
class SumLoss : public ModuleHolder<SumLossImpl> {
 public:
  using ModuleHolder<SumLossImpl>::ModuleHolder;
  using Impl = SumLossImpl;
  SumLoss(std::initializer_list<LossTerm> terms) : ModuleHolder(std::make_shared<SumLossImpl>(terms)) {}
};

}  // namespace tessera::nn
