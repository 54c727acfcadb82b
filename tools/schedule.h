// The learning rate over a run, as the options name it.
#pragma once

#include <map>
#include <memory>

#include "nn/optim/lr_scheduler.h"
#include "tools/options/optimization_options.h"

namespace tessera::tools {

// With t the steps so far, T those of the run and W those of the warm-up, the rate of the next step is lr times
//   (t + 1) / W                     for t < W, and then, with u = (t - W) / (T - W):
//   none      1                     cosine  (1 + cos(pi u)) / 2
//   poly      (1 - u)^power         step    gamma^(epochs / step size, rounded down)
//   onecycle  optim::OneCycleLR, which moves the momentum, too
//   plateau   optim::ReduceLROnPlateau on the validation's loss
class Schedule {
 public:
  Schedule(optim::Optimizer& optimizer, const OptimizationOptions& options, int64_t steps_per_epoch);

  void after_step();
  void after_epoch(double val_loss);  // NaN without validation

  std::map<std::string, double> state() const;
  void load(const std::map<std::string, double>& state);  // throws ValueError for a state of another schedule

 private:
  std::unique_ptr<optim::LRScheduler> by_step_;  // at most one of these two
  std::unique_ptr<optim::ReduceLROnPlateau> plateau_;
};

}  // namespace tessera::tools
