// Settings of the loader.
#pragma once

#include "tools/options/setting.h"

namespace tessera::tools {

struct LoaderSettings {
  std::optional<int64_t> workers;  // changes when a batch is ready and not what is in it
  bool drop_last = false;          // of training: leave out an epoch's last batch that is not full
};

std::vector<Setting> loader_settings(LoaderSettings& options);
// Workers that were not given: 2 beside a CPU that computes; for a GPU a worker a core, from 2 to 8, since one core prepares fewer
// pictures than a GPU trains on. Throws UsageError for values out of range.
void resolve(LoaderSettings& options, bool gpu);

}  // namespace tessera::tools
