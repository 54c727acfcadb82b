// Settings of what computes.
#pragma once

#include "tools/options/setting.h"

namespace tessera::tools {

struct DeviceOptions {
  std::string device = "cpu";
  int64_t threads = 0;
  bool detect_anomaly = false;
};

std::vector<Setting> device_settings(DeviceOptions& options);
void resolve(const DeviceOptions& options);  // throws UsageError for values out of range

}  // namespace tessera::tools
