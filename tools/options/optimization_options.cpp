#include "tools/options/optimization_options.h"

#include <cmath>

#include "tools/command.h"

namespace tessera::tools {

std::vector<Setting> optimization_settings(OptimizationOptions& o) {
  return {
      {"-e,--epochs", &o.epochs, "Passes over the training set [6 for shapes, else 50]"},
      {"-b,--batch-size", &o.batch_size, "Pictures a step [8 for shapes, else 4]"},
      {"--optimizer", &o.optimizer, "", {"sgd", "rmsprop", "adam", "adamw"}},
      {"--lr,--learning-rate", &o.lr, "Learning rate; the highest, of onecycle [by optimizer and data set]"},
      {"--schedule",
       &o.schedule,
       "Of the learning rate: constant, one cycle over the run, or a tenth when the val loss has stayed for 5 epochs",
       {"none", "onecycle", "plateau"}},
      {"--weight-decay,--wd", &o.weight_decay, ""},
      {"--momentum", &o.momentum, "Of sgd and rmsprop"},
      {"--clip-grad", &o.clip_grad, "Clip the gradients' norm to this; 0: never"},
      {"--seed", &o.seed, "Of weights, order and augmentation"},
  };
}

void resolve(OptimizationOptions& o, bool shapes) {
  o.epochs = o.epochs.value_or(shapes ? 6 : 50);
  o.batch_size = o.batch_size.value_or(shapes ? 8 : 4);
  if (!o.lr) o.lr = o.optimizer == "sgd" ? 0.05 : o.optimizer == "rmsprop" ? 1e-3 : shapes ? 3e-3 : 2e-3;
  check<UsageError>(*o.epochs >= 1 && *o.epochs <= 1'000'000, "--epochs: {}. From 1 to 1000000.", *o.epochs);
  check<UsageError>(*o.batch_size >= 1 && *o.batch_size <= 65536, "--batch-size: {}. From 1 to 65536.", *o.batch_size);
  check<UsageError>(*o.lr > 0 && std::isfinite(*o.lr), "--lr: {}. A positive number.", *o.lr);
  check<UsageError>(o.weight_decay >= 0, "--weight-decay: {}. Not negative.", o.weight_decay);
  check<UsageError>(o.momentum >= 0 && o.momentum < 1, "--momentum: {}. From 0 to below 1.", o.momentum);
  check<UsageError>(o.clip_grad >= 0, "--clip-grad: {}. A norm, or 0 for none.", o.clip_grad);
}

bool fixes_epochs(const OptimizationOptions& o) { return o.schedule == "onecycle"; }

}  // namespace tessera::tools
