// Stochastic gradient descent, with momentum (Sutskever et al., 2013).
#pragma once

#include "nn/optim/optimizer.h"

namespace tessera::optim {

class SGDOptions : public OptimizerOptions {
 public:
  SGDOptions(double lr) : lr_(lr) {}  // NOLINT: implicit, as in libtorch
  TESSERA_ARG(double, lr);
  TESSERA_ARG(double, momentum) = 0;
  TESSERA_ARG(double, dampening) = 0;
  TESSERA_ARG(double, weight_decay) = 0;
  TESSERA_ARG(bool, nesterov) = false;  // needs momentum > 0 and dampening 0

 public:
  std::unique_ptr<OptimizerOptions> clone() const override { return std::make_unique<SGDOptions>(*this); }
  void visit(const std::function<void(const char*, double&)>& visit) override;
  void check_values() const override;
};

// Formula: kernels::SgdStep. State: momentum_buffer, if there is momentum.
class SGD : public Optimizer {
 public:
  explicit SGD(TensorList params, SGDOptions defaults) : SGD({OptimizerParamGroup(std::move(params))}, std::move(defaults)) {}
  explicit SGD(std::vector<OptimizerParamGroup> groups, SGDOptions defaults)
      : Optimizer(std::move(groups), std::make_unique<SGDOptions>(std::move(defaults))) {}

 protected:
  void update(const Items& items, const OptimizerOptions& options, const kernels::StepControl& control) override;
  std::vector<std::string> state_names() const override { return {"momentum_buffer"}; }
};

}  // namespace tessera::optim
