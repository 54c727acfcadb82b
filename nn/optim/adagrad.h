// Adagrad (Duchi, Hazan & Singer, 2011).
#pragma once

#include "nn/optim/optimizer.h"

namespace tessera::optim {

class AdagradOptions : public OptimizerOptions {
 public:
  AdagradOptions(double lr = 1e-2) : lr_(lr) {}  // NOLINT: implicit, as in libtorch
  TESSERA_ARG(double, lr);
  TESSERA_ARG(double, lr_decay) = 0;
  TESSERA_ARG(double, weight_decay) = 0;
  TESSERA_ARG(double, initial_accumulator_value) = 0;
  TESSERA_ARG(double, eps) = 1e-10;

 public:
  std::unique_ptr<OptimizerOptions> clone() const override { return std::make_unique<AdagradOptions>(*this); }
  void visit(const std::function<void(const char*, double&)>& visit) override;
  void check_values() const override;
};

// Formula: kernels::AdagradStep. State: sum.
class Adagrad : public Optimizer {
 public:
  explicit Adagrad(TensorList params, AdagradOptions defaults = {})
      : Adagrad({OptimizerParamGroup(std::move(params))}, std::move(defaults)) {}
  explicit Adagrad(std::vector<OptimizerParamGroup> groups, AdagradOptions defaults = {})
      : Optimizer(std::move(groups), std::make_unique<AdagradOptions>(std::move(defaults))) {}

 protected:
  void update(const Items& items, const OptimizerOptions& options, const kernels::StepControl& control) override;
  std::vector<std::string> state_names() const override { return {"sum"}; }
};

}  // namespace tessera::optim
