// The settings of a training run: what the flags of `tessera train` set, config.json shows and a checkpoint carries.
#pragma once

#include <set>
#include <string>

#include "tools/options/data_options.h"
#include "tools/options/device_options.h"
#include "tools/options/loader_options.h"
#include "tools/options/loss_options.h"
#include "tools/options/network_options.h"
#include "tools/options/optimization_options.h"
#include "tools/options/run_options.h"

namespace tessera::tools {

// Fields without a value have a default that depends on the data set; resolve() fills them in.
struct TrainOptions {
  DataOptions data;
  NetworkOptions network;
  LossOptions loss;
  OptimizationOptions optimization;
  LoaderSettings loader;
  DeviceOptions device;
  RunOptions run;
  int64_t stage = 0;  // no setting: which part of a run with --two-stage this is, 1 or 2; 0 for other runs
};

// All settings, by the headings of --help.
struct SettingGroup {
  std::string heading;
  std::vector<Setting> settings;
};
std::vector<SettingGroup> all_settings(TrainOptions& options);

// One flat object, each setting under its name: config.json. Of --two-stage also "stage".
void to_json(nlohmann::json& json, const TrainOptions& options);
// What is not there keeps its value. Throws ValueError for a value of another type.
void from_json(const nlohmann::json& json, TrainOptions& options);

// Fills in what was left open but for classes and ignore_index, which the data set decides. Throws UsageError for values that are
// out of range or do not go together, ValueError for a network that does not exist.
void resolve(TrainOptions& options);

// The settings of a run that goes on: those of its checkpoint, changed by the flags that are `given` now. Only settings that do
// not change what is computed may change, and the number of epochs where no schedule is laid out for it; otherwise UsageError.
TrainOptions merge_for_resume(const TrainOptions& checkpoint, const TrainOptions& now, const std::set<std::string>& given);

// "name  value" lines for people to read.
std::string describe(const TrainOptions& options);

}  // namespace tessera::tools
