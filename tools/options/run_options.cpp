#include "tools/options/run_options.h"

#include "tools/command.h"

namespace tessera::tools {

std::vector<Setting> run_settings(RunOptions& o) {
  return {
      {.flags = "-o,--output,--output-dir",
       .field = &o.output,
       .help = "Folder for checkpoints, metrics.csv, config.json, predictions.png",
       .type_name = "DIR",
       .free_on_resume = true},
      {"--val-every", &o.val_every, "Epochs between validations; the last is always validated"},
  };
}

void resolve(const RunOptions& o) {
  check<UsageError>(!o.output.empty(), "--output: no folder is named.");
  check<UsageError>(o.val_every >= 1, "--val-every: {}. At least 1.", o.val_every);
}

}  // namespace tessera::tools
