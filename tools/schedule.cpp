#include "tools/schedule.h"

#include <cmath>
#include <functional>
#include <numbers>

#include "core/error.h"

namespace tessera::tools {
namespace {

using Factor = std::function<double(int64_t)>;  // of the steps after the warm-up

Factor factor(const OptimizationOptions& o, int64_t steps_per_epoch) {
  const auto length = static_cast<double>((*o.epochs - o.warmup_epochs) * steps_per_epoch);
  const auto share = [length](int64_t t) { return std::min(1.0, static_cast<double>(t) / length); };
  if (o.schedule == "cosine") return [share](int64_t t) { return (1 + std::cos(std::numbers::pi * share(t))) / 2; };
  if (o.schedule == "poly") return [share, power = o.lr_power](int64_t t) { return std::pow(1 - share(t), power); };
  if (o.schedule == "step")
    return [steps = o.lr_step_size * steps_per_epoch, gamma = o.lr_gamma](int64_t t) {
      return std::pow(gamma, static_cast<double>(t / steps));
    };
  return [](int64_t) { return 1.0; };
}

class WithWarmUp : public optim::LRScheduler {
 public:
  WithWarmUp(optim::Optimizer& optimizer, int64_t warm_up, Factor after)
      : LRScheduler(optimizer), warm_up_(warm_up), after_(std::move(after)) {
    WithWarmUp::apply();
  }

 private:
  double rate(double base_lr, int64_t t) const override {
    return base_lr * (t < warm_up_ ? static_cast<double>(t + 1) / static_cast<double>(warm_up_) : after_(t - warm_up_));
  }
  int64_t warm_up_;
  Factor after_;
};

std::unique_ptr<optim::LRScheduler> one_cycle(optim::Optimizer& optimizer, const OptimizationOptions& o,
                                              int64_t steps_per_epoch) {
  const bool has_momentum = o.optimizer.starts_with("adam") || (o.momentum > 0 && o.optimizer != "adagrad");
  const int64_t steps = std::max<int64_t>(2, *o.epochs * steps_per_epoch);
  return std::make_unique<optim::OneCycleLR>(optimizer, optim::OneCycleLROptions(*o.lr, steps).cycle_momentum(has_momentum));
}

}  // namespace

Schedule::Schedule(optim::Optimizer& optimizer, const OptimizationOptions& o, int64_t steps_per_epoch) {
  const int64_t steps = std::max<int64_t>(1, steps_per_epoch);
  if (o.schedule == "onecycle")
    by_step_ = one_cycle(optimizer, o, steps);
  else if (o.schedule == "plateau")
    plateau_ = std::make_unique<optim::ReduceLROnPlateau>(optimizer, optim::ReduceLROnPlateau::min, o.lr_gamma, o.lr_patience);
  else if (o.schedule != "none" || o.warmup_epochs > 0)
    by_step_ = std::make_unique<WithWarmUp>(optimizer, o.warmup_epochs * steps, factor(o, steps));
}

void Schedule::after_step() {
  if (by_step_) by_step_->step();
}

void Schedule::after_epoch(double val_loss) {
  if (plateau_ && !std::isnan(val_loss)) plateau_->step(val_loss);
}

std::map<std::string, double> Schedule::state() const {
  if (by_step_) return by_step_->state_dict();
  if (plateau_) return plateau_->state_dict();
  return {};
}

void Schedule::load(const std::map<std::string, double>& state) {
  if (by_step_) by_step_->load_state_dict(state);
  if (plateau_) plateau_->load_state_dict(state);
}

}  // namespace tessera::tools
