// Settings of what a run looks at and writes.
#pragma once

#include "tools/options/setting.h"

namespace tessera::tools {

struct RunOptions {
  std::string output = "runs/train";
  int64_t val_every = 1;
  int64_t save_every = 0, keep = 0, save_every_steps = 0;
  double save_minutes = 10;
  bool tensorboard = true;
  int64_t log_every = 20;
  bool two_stage = false;
  std::optional<int64_t> stage_epochs;
  int64_t background = 0;
};

std::vector<Setting> run_settings(RunOptions& options);
// Fills in what was left open. Throws UsageError for values out of range or that do not go together.
void resolve(RunOptions& options, int64_t epochs);

}  // namespace tessera::tools
