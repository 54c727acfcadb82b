// RMSprop (Hinton's lecture 6e; centered: Graves, 2013).
#pragma once

#include "nn/optim/optimizer.h"

namespace tessera::optim {

class RMSpropOptions : public OptimizerOptions {
 public:
  RMSpropOptions(double lr = 1e-2) : lr_(lr) {}  // NOLINT: implicit, as in libtorch
  TESSERA_ARG(double, lr);
  TESSERA_ARG(double, alpha) = 0.99;
  TESSERA_ARG(double, eps) = 1e-8;
  TESSERA_ARG(double, weight_decay) = 0;
  TESSERA_ARG(double, momentum) = 0;
  TESSERA_ARG(bool, centered) = false;

 public:
  std::unique_ptr<OptimizerOptions> clone() const override { return std::make_unique<RMSpropOptions>(*this); }
  void visit(const std::function<void(const char*, double&)>& visit) override;
  void check_values() const override;
};

// Formula: kernels::RmspropStep. State: square_avg; grad_avg if centered; momentum_buffer if there is momentum.
class RMSprop : public Optimizer {
 public:
  explicit RMSprop(TensorList params, RMSpropOptions defaults = {})
      : RMSprop({OptimizerParamGroup(std::move(params))}, std::move(defaults)) {}
  explicit RMSprop(std::vector<OptimizerParamGroup> groups, RMSpropOptions defaults = {})
      : Optimizer(std::move(groups), std::make_unique<RMSpropOptions>(std::move(defaults))) {}

 protected:
  void update(const Items& items, const OptimizerOptions& options, const kernels::StepControl& control) override;
  std::vector<std::string> state_names() const override { return {"square_avg", "grad_avg", "momentum_buffer"}; }
};

}  // namespace tessera::optim
