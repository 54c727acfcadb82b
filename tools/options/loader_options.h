// Settings of the loader, which change when a batch is ready and not what is in it.
#pragma once

#include "tools/options/setting.h"

namespace tessera::tools {

struct LoaderSettings {
  int64_t workers = 2;
};

std::vector<Setting> loader_settings(LoaderSettings& options);
void resolve(const LoaderSettings& options);  // throws UsageError for values out of range

}  // namespace tessera::tools
