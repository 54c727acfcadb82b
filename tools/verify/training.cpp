// Runs reference cases of optimisers and learning-rate schedules.
#include <functional>

#include "core/ops.h"
#include "nn/optim/adagrad.h"
#include "nn/optim/adam.h"
#include "nn/optim/lr_scheduler.h"
#include "nn/optim/rmsprop.h"
#include "nn/optim/sgd.h"
#include "tools/verify/reference_case.h"

namespace tessera::tools {
namespace {

using OptimizerPtr = std::unique_ptr<optim::Optimizer>;

template <class Options> Options adam_options(Arguments& args, double lr) {
  const auto betas = args.get<std::vector<double>>("betas", {0.9, 0.999});
  return Options(lr).betas({betas.at(0), betas.at(1)}).eps(args.get("eps", 1e-8)).amsgrad(args.get("amsgrad", false));
}

OptimizerPtr make_optimizer(const std::string& name, const Tensor& parameter, Arguments& args) {
  const TensorList parameters{parameter};
  if (name == "SGD")
    return std::make_unique<optim::SGD>(parameters, optim::SGDOptions(args.get("lr", 1e-3))
                                                        .momentum(args.get("momentum", 0.0))
                                                        .dampening(args.get("dampening", 0.0))
                                                        .weight_decay(args.get("weight_decay", 0.0))
                                                        .nesterov(args.get("nesterov", false)));
  if (name == "RMSprop")
    return std::make_unique<optim::RMSprop>(parameters, optim::RMSpropOptions(args.get("lr", 1e-2))
                                                            .alpha(args.get("alpha", 0.99))
                                                            .eps(args.get("eps", 1e-8))
                                                            .weight_decay(args.get("weight_decay", 0.0))
                                                            .momentum(args.get("momentum", 0.0))
                                                            .centered(args.get("centered", false)));
  if (name == "Adam")
    return std::make_unique<optim::Adam>(
        parameters, adam_options<optim::AdamOptions>(args, args.get("lr", 1e-3)).weight_decay(args.get("weight_decay", 0.0)));
  if (name == "AdamW")
    return std::make_unique<optim::AdamW>(
        parameters, adam_options<optim::AdamWOptions>(args, args.get("lr", 1e-3)).weight_decay(args.get("weight_decay", 1e-2)));
  if (name == "Adagrad")
    return std::make_unique<optim::Adagrad>(parameters, optim::AdagradOptions(args.get("lr", 1e-2))
                                                            .lr_decay(args.get("lr_decay", 0.0))
                                                            .weight_decay(args.get("weight_decay", 0.0))
                                                            .eps(args.get("eps", 1e-10)));
  return nullptr;
}

}  // namespace

CaseResult verify_optimizer(const ReferenceCase& c, const VerifyOptions& options) {
  const Tensor parameter = c.content.at("param").to(options.dtype, /*copy=*/true).to(options.device).requires_grad_();
  Arguments args(c.args);
  const OptimizerPtr optimizer = make_optimizer(c.op, parameter, args);
  if (optimizer == nullptr) return {CaseResult::Status::Unknown, 0, 0, fmt::format("optimizer {} is unknown", c.op)};
  if (const auto unread = args.unread(); !unread.empty())
    return {CaseResult::Status::Unknown, 0, 0, fmt::format("argument {} is unknown", unread.front())};
  const Tensor grads = c.content.at("grads").to(options.dtype).to(options.device), out = c.content.at("out");
  Comparison comparison(options.dtype == kFloat64 ? 1e-9 : 2e-5);
  for (int64_t k = 0; k < grads.size(0); ++k) {
    parameter.mutable_grad() = grads[k].clone();
    optimizer->step();
    comparison.tensor(fmt::format("out[{}]", k), parameter, out[k]);
  }
  return comparison.result();
}

CaseResult verify_scheduler(const ReferenceCase& c) {
  Arguments args(c.args);
  const Tensor parameter = zeros({1}).requires_grad_();
  optim::SGD optimizer({parameter}, optim::SGDOptions(args.get("base_lr", 0.1)));
  const Tensor metric = c.content.at("metric"), out = c.content.at("out");
  const int64_t steps = out.numel();

  std::function<void(int64_t)> step;  // after optimiser step k
  std::shared_ptr<optim::LRScheduler> scheduler;
  if (c.op == "StepLR")
    scheduler = std::make_shared<optim::StepLR>(optimizer, args.get<int64_t>("step_size", 1), args.get("gamma", 0.1));
  else if (c.op == "MultiStepLR")
    scheduler = std::make_shared<optim::MultiStepLR>(optimizer, args.ints("milestones"), args.get("gamma", 0.1));
  else if (c.op == "ExponentialLR")
    scheduler = std::make_shared<optim::ExponentialLR>(optimizer, args.get("gamma", 0.1));
  else if (c.op == "CosineAnnealingLR")
    scheduler = std::make_shared<optim::CosineAnnealingLR>(optimizer, args.get<int64_t>("T_max", 1), args.get("eta_min", 0.0));
  else if (c.op == "LinearLR")
    scheduler = std::make_shared<optim::LinearLR>(optimizer, args.get("start_factor", 1.0 / 3), args.get("end_factor", 1.0),
                                                  args.get<int64_t>("total_iters", 5));
  else if (c.op == "PolynomialLR")
    scheduler = std::make_shared<optim::PolynomialLR>(optimizer, args.get<int64_t>("total_iters", 5), args.get("power", 1.0));
  else if (c.op == "OneCycleLR")
    scheduler = std::make_shared<optim::OneCycleLR>(
        optimizer, optim::OneCycleLROptions(args.get("max_lr", 0.1), args.get<int64_t>("total_steps", 1))
                       .cycle_momentum(false)
                       .pct_start(args.get("pct_start", 0.3))
                       .div_factor(args.get("div_factor", 25.0))
                       .final_div_factor(args.get("final_div_factor", 1e4)));
  if (scheduler != nullptr) {
    step = [&](int64_t) { scheduler->step(); };
  } else if (c.op == "ReduceLROnPlateau") {
    using Plateau = optim::ReduceLROnPlateau;
    const auto mode = args.get<std::string>("mode", "min") == "min" ? Plateau::min : Plateau::max;
    const double factor = args.get("factor", 0.1);
    const int64_t patience = args.get<int64_t>("patience", 10);
    const double threshold = args.get("threshold", 1e-4);
    const auto threshold_mode = args.get<std::string>("threshold_mode", "rel") == "rel" ? Plateau::rel : Plateau::abs;
    const int64_t cooldown = args.get<int64_t>("cooldown", 0);
    const std::vector<double> min_lr{args.get("min_lr", 0.0)};
    const auto plateau = std::make_shared<Plateau>(optimizer, mode, factor, patience, threshold, threshold_mode, cooldown, min_lr,
                                                   args.get("eps", 1e-8));
    step = [plateau, metric](int64_t k) { plateau->step(metric[k].item<double>()); };
  } else {
    return {CaseResult::Status::Unknown, 0, 0, fmt::format("schedule {} is unknown", c.op)};
  }
  if (const auto unread = args.unread(); !unread.empty())
    return {CaseResult::Status::Unknown, 0, 0, fmt::format("argument {} is unknown", unread.front())};

  Tensor rates = empty({steps}, kFloat64);
  for (int64_t k = 0; k < steps; ++k) {
    rates[k].fill_(optimizer.param_groups()[0].options().get_lr());
    if (k + 1 < steps) step(k);
  }
  Comparison comparison(1e-9);
  comparison.tensor("out", rates, out);
  return comparison.result();
}

}  // namespace tessera::tools
