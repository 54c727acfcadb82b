// Settings of the loader.
#pragma once

#include "tools/options/setting.h"

namespace tessera::tools {

struct LoaderSettings {
  int64_t workers = 2;     // changes when a batch is ready and not what is in it
  bool drop_last = false;  // of training: leave out an epoch's last batch that is not full
};

std::vector<Setting> loader_settings(LoaderSettings& options);
void resolve(const LoaderSettings& options);  // throws UsageError for values out of range

}  // namespace tessera::tools
