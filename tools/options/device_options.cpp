#include "tools/options/device_options.h"

#include "tools/command.h"

namespace tessera::tools {

std::vector<Setting> device_settings(DeviceOptions& o) {
  return {
      {.flags = "--device", .field = &o.device, .help = "cpu", .free_on_resume = true},
      {.flags = "--threads", .field = &o.threads, .help = "Threads that compute; 0: all cores", .free_on_resume = true},
      {.flags = "--detect-anomaly",
       .field = &o.detect_anomaly,
       .help = "Look at every result for NaN and infinity; slow",
       .free_on_resume = true},
  };
}

void resolve(const DeviceOptions& o) {
  check<UsageError>(o.threads >= 0 && o.threads <= 1024, "--threads: {}. From 0 (all cores) to 1024.", o.threads);
}

}  // namespace tessera::tools
