// Settings of what computes.
#pragma once

#include "tools/options/setting.h"

namespace tessera::tools {

struct DeviceOptions {
  std::string device = "cpu";
  std::string precision = "fp32";  // tools/precision.h
  bool amp = false;                // says precision bf16
  bool cuda_graph = true;          // on a CUDA device
  int64_t threads = 0;
  bool detect_anomaly = false;
};

std::vector<Setting> device_settings(DeviceOptions& options);
// Throws UsageError for values out of range or that contradict each other, DeviceError for a device that is not there.
void resolve(DeviceOptions& options);

}  // namespace tessera::tools
