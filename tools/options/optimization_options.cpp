#include "tools/options/optimization_options.h"

#include <cmath>

#include "tools/command.h"

namespace tessera::tools {

std::vector<Setting> optimization_settings(OptimizationOptions& o) {
  return {
      {"-e,--epochs", &o.epochs, "Passes over the training set [6 for shapes, else 50]"},
      {"-b,--batch-size", &o.batch_size, "Pictures a step [8 for shapes, else 4]"},
      {"--optimizer", &o.optimizer, "", {"sgd", "rmsprop", "adam", "adamw", "adagrad"}},
      {"--lr,--learning-rate", &o.lr, "Learning rate; the highest, of a schedule [by optimizer and data set]"},
      {"--schedule,--lr-scheduler",
       &o.schedule,
       "Of the rate: none; onecycle: up and down over the run; cosine: half a wave down to 0; poly: (1 - share done)^power; "
       "step: "
       "times gamma every step-size epochs; plateau: times gamma when the val loss has stayed for lr-patience validations",
       {"none", "onecycle", "cosine", "poly", "step", "plateau"}},
      {"--warmup-epochs", &o.warmup_epochs, "Epochs in which the rate first rises from 0 (onecycle has its own)"},
      {"--lr-power", &o.lr_power, "Of poly"},
      {"--lr-gamma", &o.lr_gamma, "Of step and plateau"},
      {"--lr-step-size", &o.lr_step_size, "Of step, in epochs"},
      {"--lr-patience", &o.lr_patience, "Of plateau, in validations"},
      {"--weight-decay,--wd", &o.weight_decay, ""},
      {"--momentum", &o.momentum, "Of sgd and rmsprop"},
      {"--clip-grad", &o.clip_grad, "Clip the gradients' norm to this; 0: never"},
      {"--ema", &o.ema,
       "Decay of a moving average of the weights, such as 0.999, which is then validated and saved for predict; 0: none"},
      {.flags = "--patience",
       .field = &o.patience,
       .help = "Stop when this many validations in a row have not bettered the mIoU; 0: never",
       .free_on_resume = true},
      {"--seed", &o.seed, "Of weights, order and augmentation"},
  };
}

void resolve(OptimizationOptions& o, bool shapes) {
  o.epochs = o.epochs.value_or(shapes ? 6 : 50);
  o.batch_size = o.batch_size.value_or(shapes ? 8 : 4);
  if (!o.lr) {
    const bool slow = o.optimizer == "rmsprop";
    o.lr = o.optimizer == "sgd" ? 0.05 : o.optimizer == "adagrad" ? 0.01 : slow ? 1e-3 : shapes ? 3e-3 : 2e-3;
  }
  check<UsageError>(*o.epochs >= 1 && *o.epochs <= 1'000'000, "--epochs: {}. From 1 to 1000000.", *o.epochs);
  check<UsageError>(*o.batch_size >= 1 && *o.batch_size <= 65536, "--batch-size: {}. From 1 to 65536.", *o.batch_size);
  check<UsageError>(*o.lr > 0 && std::isfinite(*o.lr), "--lr: {}. A positive number.", *o.lr);
  check<UsageError>(o.warmup_epochs >= 0 && o.warmup_epochs < *o.epochs + (o.warmup_epochs == 0),
                    "--warmup-epochs: {}. From 0 to below --epochs, {}.", o.warmup_epochs, *o.epochs);
  check<UsageError>(o.warmup_epochs == 0 || (o.schedule != "onecycle" && o.schedule != "plateau"),
                    "--warmup-epochs: not with --schedule {}. Choose none, cosine, poly or step.", o.schedule);
  check<UsageError>(o.lr_power > 0 && std::isfinite(o.lr_power), "--lr-power: {}. A positive number.", o.lr_power);
  check<UsageError>(o.lr_gamma > 0 && o.lr_gamma < 1, "--lr-gamma: {}. Between 0 and 1.", o.lr_gamma);
  check<UsageError>(o.lr_step_size >= 1, "--lr-step-size: {}. At least 1.", o.lr_step_size);
  check<UsageError>(o.lr_patience >= 0, "--lr-patience: {}. Not negative.", o.lr_patience);
  check<UsageError>(o.weight_decay >= 0, "--weight-decay: {}. Not negative.", o.weight_decay);
  check<UsageError>(o.momentum >= 0 && o.momentum < 1, "--momentum: {}. From 0 to below 1.", o.momentum);
  check<UsageError>(o.clip_grad >= 0, "--clip-grad: {}. A norm, or 0 for none.", o.clip_grad);
  check<UsageError>(o.ema >= 0 && o.ema < 1, "--ema: {}. From 0 (none) to below 1.", o.ema);
  check<UsageError>(o.patience >= 0, "--patience: {}. Not negative.", o.patience);
}

bool fixes_epochs(const OptimizationOptions& o) {
  return o.schedule == "onecycle" || o.schedule == "cosine" || o.schedule == "poly";
}

}  // namespace tessera::tools
