// Learning-rate schedules. A scheduler is stepped after the optimizer, once a step or once an epoch as the program likes:
//
//     for (...) { optimizer.step(); scheduler.step(); }
//
// With t the number of calls so far and base_lr a group's rate when the scheduler was made, the schedules below set the group's
// rate for the next step to a function of (base_lr, t). The state is a few numbers, and a schedule continued from them is the
// same to the last bit. ReduceLROnPlateau alone depends on the past rates.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "nn/optim/optimizer.h"

namespace tessera::optim {

class LRScheduler {
 public:
  virtual ~LRScheduler() = default;
  void step();
  int64_t last_epoch() const { return t_; }                          // t
  std::vector<double> get_last_lr() const;                           // the groups' present rates
  std::map<std::string, double> state_dict() const;                  // "t" and "base_lr.INDEX"
  void load_state_dict(const std::map<std::string, double>& state);  // also sets the rates; ValueError for other names

 protected:
  explicit LRScheduler(Optimizer& optimizer);
  virtual double rate(double base_lr, int64_t t) const = 0;
  // Sets the groups' options for t. A derived constructor ends with it.
  virtual void apply();

  Optimizer& optimizer_;
  std::vector<double> base_lrs_;
  int64_t t_ = 0;
};

// base_lr * gamma^(t / step_size), the exponent rounded down
class StepLR : public LRScheduler {
 public:
  StepLR(Optimizer& optimizer, int64_t step_size, double gamma = 0.1);

 private:
  double rate(double base_lr, int64_t t) const override;
  int64_t step_size_;
  double gamma_;
};

// base_lr * gamma^(number of milestones <= t)
class MultiStepLR : public LRScheduler {
 public:
  MultiStepLR(Optimizer& optimizer, std::vector<int64_t> milestones, double gamma = 0.1);

 private:
  double rate(double base_lr, int64_t t) const override;
  std::vector<int64_t> milestones_;
  double gamma_;
};

// base_lr * gamma^t
class ExponentialLR : public LRScheduler {
 public:
  ExponentialLR(Optimizer& optimizer, double gamma);

 private:
  double rate(double base_lr, int64_t t) const override;
  double gamma_;
};

// eta_min + (base_lr - eta_min) (1 + cos(pi t / T_max)) / 2 (Loshchilov & Hutter, 2017, without restarts)
class CosineAnnealingLR : public LRScheduler {
 public:
  CosineAnnealingLR(Optimizer& optimizer, int64_t T_max, double eta_min = 0);

 private:
  double rate(double base_lr, int64_t t) const override;
  int64_t T_max_;
  double eta_min_;
};

// base_lr times a factor that goes from start_factor to end_factor in total_iters equal steps and stays there
class LinearLR : public LRScheduler {
 public:
  LinearLR(Optimizer& optimizer, double start_factor = 1.0 / 3, double end_factor = 1, int64_t total_iters = 5);

 private:
  double rate(double base_lr, int64_t t) const override;
  double start_factor_, end_factor_;
  int64_t total_iters_;
};

// base_lr * (1 - t / total_iters)^power, 0 from total_iters on
class PolynomialLR : public LRScheduler {
 public:
  PolynomialLR(Optimizer& optimizer, int64_t total_iters = 5, double power = 1);

 private:
  double rate(double base_lr, int64_t t) const override;
  int64_t total_iters_;
  double power_;
};

class OneCycleLROptions {
 public:
  OneCycleLROptions(double max_lr, int64_t total_steps) : max_lr_(max_lr), total_steps_(total_steps) {}
  TESSERA_ARG(double, max_lr);
  TESSERA_ARG(int64_t, total_steps);
  TESSERA_ARG(double, pct_start) = 0.3;      // the share of the steps on which the rate rises
  TESSERA_ARG(bool, cycle_momentum) = true;  // momentum (Adam: beta1) moves between the two bounds, against the rate
  TESSERA_ARG(double, base_momentum) = 0.85;
  TESSERA_ARG(double, max_momentum) = 0.95;
  TESSERA_ARG(double, div_factor) = 25;
  TESSERA_ARG(double, final_div_factor) = 1e4;
  // The fall ends at max_lr / div_factor after as many steps as the rise took; a third phase leads to the last rate.
  TESSERA_ARG(bool, three_phase) = false;
  TESSERA_ARG(std::string, anneal_strategy) = "cos";  // half cosines; or "linear"
};

// From max_lr / div_factor up to max_lr and down to max_lr / div_factor / final_div_factor at t = total_steps - 1 (Smith & Topin,
// 2018); after that it stays. The optimizer's own rate does not matter. Throws ValueError if the momentum
// is to be cycled and the optimizer has none.
class OneCycleLR : public LRScheduler {
 public:
  OneCycleLR(Optimizer& optimizer, const OneCycleLROptions& options);
  OneCycleLR(Optimizer& optimizer, double max_lr, int64_t total_steps)
      : OneCycleLR(optimizer, OneCycleLROptions(max_lr, total_steps)) {}

 private:
  double rate(double base_lr, int64_t t) const override;
  void apply() override;
  // The value at t of what goes from low to high while the rate rises, and from high to end while it falls, or back to low and
  // then to end in three phases.
  double cycle(double low, double high, double end, int64_t t) const;
  OneCycleLROptions options_;
};

// Multiplies the rates by `factor` when the metric has not improved for more than `patience` calls. Improved: below (mode min) or
// above (max) the best so far by more than `threshold`, as a share of the best (rel) or as it is (abs). After a reduction
// `cooldown` calls do not count. No rate falls below min_lr, given for all groups or for each; changes of at most eps are not
// made.
class ReduceLROnPlateau {
 public:
  enum SchedulerMode { min, max };
  enum ThresholdMode { rel, abs };
  explicit ReduceLROnPlateau(Optimizer& optimizer, SchedulerMode mode = min, double factor = 0.1, int64_t patience = 10,
                             double threshold = 1e-4, ThresholdMode threshold_mode = rel, int64_t cooldown = 0,
                             const std::vector<double>& min_lr = {}, double eps = 1e-8);
  void step(double metric);  // a NaN is no improvement
  std::vector<double> get_last_lr() const;
  std::map<std::string, double> state_dict()
      const;  // best, num_bad_epochs, cooldown_counter; the rates are the optimizer's state
  void load_state_dict(const std::map<std::string, double>& state);

 private:
  bool is_better(double metric) const;
  Optimizer& optimizer_;
  SchedulerMode mode_;
  ThresholdMode threshold_mode_;
  double factor_, threshold_, eps_;
  int64_t patience_, cooldown_;
  std::vector<double> min_lrs_;
  double best_;
  int64_t num_bad_epochs_ = 0, cooldown_counter_ = 0;
};
using ReduceLROnPlateauScheduler = ReduceLROnPlateau;

}  // namespace tessera::optim
