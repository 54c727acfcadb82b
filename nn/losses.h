// Losses as modules. Formulas, shapes and errors: core/ops/loss.h. `weight` of a loss is a buffer: it moves with the module.
#pragma once

#include "core/ops/loss.h"
#include "nn/module_holder.h"
#include "nn/options.h"

namespace tessera::nn {

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

// input: log-probabilities [N, C, ...]; target: int64 [N, ...]
class NLLLossImpl : public Cloneable<NLLLossImpl> {
 public:
  explicit NLLLossImpl(const NLLLossOptions& options = {}) : options(options) { NLLLossImpl::reset(); }
  void reset() override { weight = register_buffer("weight", options.weight()); }
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
  void reset() override { weight = register_buffer("weight", options.weight()); }
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input, const Tensor& target);
  CrossEntropyLossOptions options;
  Tensor weight;
};
TESSERA_MODULE(CrossEntropyLoss);

class MSELossImpl : public Cloneable<MSELossImpl> {
 public:
  explicit MSELossImpl(const MSELossOptions& options = {}) : options(options) {}
  void reset() override {}
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input, const Tensor& target);
  MSELossOptions options;
};
TESSERA_MODULE(MSELoss);

class L1LossImpl : public Cloneable<L1LossImpl> {
 public:
  explicit L1LossImpl(const L1LossOptions& options = {}) : options(options) {}
  void reset() override {}
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input, const Tensor& target);
  L1LossOptions options;
};
TESSERA_MODULE(L1Loss);

class SmoothL1LossImpl : public Cloneable<SmoothL1LossImpl> {
 public:
  explicit SmoothL1LossImpl(const SmoothL1LossOptions& options = {}) : options(options) {}
  void reset() override {}
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input, const Tensor& target);
  SmoothL1LossOptions options;
};
TESSERA_MODULE(SmoothL1Loss);

// input: probabilities
class BCELossImpl : public Cloneable<BCELossImpl> {
 public:
  explicit BCELossImpl(const BCELossOptions& options = {}) : options(options) { BCELossImpl::reset(); }
  void reset() override { weight = register_buffer("weight", options.weight()); }
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
class KLDivLossImpl : public Cloneable<KLDivLossImpl> {
 public:
  explicit KLDivLossImpl(const KLDivLossOptions& options = {}) : options(options) {}
  void reset() override {}
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input, const Tensor& target);
  KLDivLossOptions options;
};
TESSERA_MODULE(KLDivLoss);

}  // namespace tessera::nn
