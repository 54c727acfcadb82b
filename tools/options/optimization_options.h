// Settings of the optimizer and of how long it runs.
#pragma once

#include "tools/options/setting.h"

namespace tessera::tools {

struct OptimizationOptions {
  std::optional<int64_t> epochs, batch_size;
  std::string optimizer = "adamw";    // sgd, rmsprop, adam, adamw, adagrad
  std::string schedule = "onecycle";  // none, onecycle, cosine, poly, step, plateau
  std::optional<double> lr;
  int64_t warmup_epochs = 0;
  double lr_power = 0.9, lr_gamma = 0.1;
  int64_t lr_step_size = 30, lr_patience = 5;
  double weight_decay = 1e-4, momentum = 0.9, clip_grad = 0, ema = 0;
  int64_t patience = 0;
  uint64_t seed = 0;
};

std::vector<Setting> optimization_settings(OptimizationOptions& options);

// Fills in what was left open, by optimizer and data set. Throws UsageError for values out of range.
void resolve(OptimizationOptions& options, bool shapes);

// Whether the schedule is laid out for a number of epochs, so that a resumed run must keep it.
bool fixes_epochs(const OptimizationOptions& options);

}  // namespace tessera::tools
