// Settings of what a run looks at and writes.
#pragma once

#include "tools/options/setting.h"

namespace tessera::tools {

struct RunOptions {
  std::string output = "runs/train";
  int64_t val_every = 1;
};

std::vector<Setting> run_settings(RunOptions& options);
void resolve(const RunOptions& options);  // throws UsageError for values out of range

}  // namespace tessera::tools
