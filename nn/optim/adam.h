// Adam (Kingma & Ba, 2015; amsgrad: Reddi et al., 2018) and AdamW, whose weight decay is decoupled (Loshchilov & Hutter, 2019).
#pragma once

#include <tuple>

#include "nn/optim/optimizer.h"

namespace tessera::optim {

class AdamOptions : public OptimizerOptions {
 public:
  using betas_t = std::tuple<double, double>;
  AdamOptions(double lr = 1e-3) : lr_(lr) {}  // NOLINT: implicit, as in libtorch
  TESSERA_ARG(double, lr);
  TESSERA_ARG(betas_t, betas) = betas_t(0.9, 0.999);
  TESSERA_ARG(double, eps) = 1e-8;
  TESSERA_ARG(double, weight_decay) = 0;
  TESSERA_ARG(bool, amsgrad) = false;

 public:
  std::unique_ptr<OptimizerOptions> clone() const override { return std::make_unique<AdamOptions>(*this); }
  void visit(const std::function<void(const char*, double&)>& visit) override;
  void check_values() const override;
};

class AdamWOptions : public OptimizerOptions {
 public:
  using betas_t = std::tuple<double, double>;
  AdamWOptions(double lr = 1e-3) : lr_(lr) {}  // NOLINT: implicit, as in libtorch
  TESSERA_ARG(double, lr);
  TESSERA_ARG(betas_t, betas) = betas_t(0.9, 0.999);
  TESSERA_ARG(double, eps) = 1e-8;
  TESSERA_ARG(double, weight_decay) = 1e-2;
  TESSERA_ARG(bool, amsgrad) = false;

 public:
  std::unique_ptr<OptimizerOptions> clone() const override { return std::make_unique<AdamWOptions>(*this); }
  void visit(const std::function<void(const char*, double&)>& visit) override;
  void check_values() const override;
};

// Formula: kernels::AdamStep. State: exp_avg, exp_avg_sq; max_exp_avg_sq with amsgrad.
class Adam : public Optimizer {
 public:
  explicit Adam(TensorList params, AdamOptions defaults = {})
      : Adam({OptimizerParamGroup(std::move(params))}, std::move(defaults)) {}
  explicit Adam(std::vector<OptimizerParamGroup> groups, AdamOptions defaults = {})
      : Optimizer(std::move(groups), std::make_unique<AdamOptions>(std::move(defaults))) {}

 protected:
  void update(const Items& items, const OptimizerOptions& options, const kernels::StepControl& control) override;
  std::vector<std::string> state_names() const override { return {"exp_avg", "exp_avg_sq", "max_exp_avg_sq"}; }
};

class AdamW : public Optimizer {
 public:
  explicit AdamW(TensorList params, AdamWOptions defaults = {})
      : AdamW({OptimizerParamGroup(std::move(params))}, std::move(defaults)) {}
  explicit AdamW(std::vector<OptimizerParamGroup> groups, AdamWOptions defaults = {})
      : Optimizer(std::move(groups), std::make_unique<AdamWOptions>(std::move(defaults))) {}

 protected:
  void update(const Items& items, const OptimizerOptions& options, const kernels::StepControl& control) override;
  std::vector<std::string> state_names() const override { return {"exp_avg", "exp_avg_sq", "max_exp_avg_sq"}; }
};

}  // namespace tessera::optim
