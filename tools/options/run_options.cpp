#include "tools/options/run_options.h"

#include <algorithm>

#include "tools/command.h"

namespace tessera::tools {

std::vector<Setting> run_settings(RunOptions& o) {
  return {
      {.flags = "-o,--output,--output-dir",
       .field = &o.output,
       .help = "Folder of the run; its files are listed below",
       .type_name = "DIR",
       .free_on_resume = true},
      {"--val-every", &o.val_every, "Epochs between validations; the last is always validated"},
      {.flags = "--save-every",
       .field = &o.save_every,
       .help = "Also keep the checkpoint of every so many epochs, as epoch_N.safetensors; 0: none",
       .free_on_resume = true},
      {.flags = "--keep",
       .field = &o.keep,
       .help = "Keep no more than this many of them, the newest; 0: all",
       .free_on_resume = true},
      {.flags = "--save-every-steps",
       .field = &o.save_every_steps,
       .help = "Also save last.safetensors within epochs, every so many steps; 0: by --save-minutes alone",
       .free_on_resume = true},
      {.flags = "--save-minutes",
       .field = &o.save_minutes,
       .help = "Also save last.safetensors within epochs when so many minutes have passed; 0: never",
       .free_on_resume = true},
      {.flags = "--tensorboard,!--no-tensorboard",
       .field = &o.tensorboard,
       .help = "Write event files: losses, IoU, rate, pictures, weights [yes]",
       .free_on_resume = true},
      {.flags = "--log-every",
       .field = &o.log_every,
       .help = "Steps between two points of train/loss in the event file",
       .free_on_resume = true},
      {"--two-stage", &o.two_stage,
       "First train background against everything else, in the folder stage1, then all classes from those weights"},
      {"--stage-epochs", &o.stage_epochs, "Epochs of the first stage [half of --epochs]"},
      {"--background", &o.background, "The class that is background in the first stage"},
  };
}

void resolve(RunOptions& o, int64_t epochs) {
  check<UsageError>(!o.output.empty(), "--output: no folder is named.");
  check<UsageError>(o.val_every >= 1, "--val-every: {}. At least 1.", o.val_every);
  check<UsageError>(o.save_every >= 0, "--save-every: {}. Not negative.", o.save_every);
  check<UsageError>(o.keep >= 0, "--keep: {}. Not negative.", o.keep);
  check<UsageError>(o.save_every_steps >= 0, "--save-every-steps: {}. Not negative.", o.save_every_steps);
  check<UsageError>(o.save_minutes >= 0, "--save-minutes: {}. Not negative.", o.save_minutes);
  check<UsageError>(o.log_every >= 1, "--log-every: {}. At least 1.", o.log_every);
  check<UsageError>(o.two_stage || !o.stage_epochs, "--stage-epochs is for --two-stage.");
  check<UsageError>(o.two_stage || o.background == 0, "--background is for --two-stage.");
  if (o.two_stage) o.stage_epochs = o.stage_epochs.value_or(std::max<int64_t>(1, epochs / 2));
  check<UsageError>(o.stage_epochs.value_or(1) >= 1 && o.stage_epochs.value_or(1) <= 1'000'000,
                    "--stage-epochs: {}. From 1 to 1000000.", o.stage_epochs.value_or(1));
}

}  // namespace tessera::tools
