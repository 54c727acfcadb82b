#include "tools/options/device_options.h"

#include "core/cuda.h"
#include "tools/command.h"

namespace tessera::tools {

std::vector<Setting> device_settings(DeviceOptions& o) {
  return {
      {.flags = "--device", .field = &o.device, .help = "cpu, cuda or cuda:N, a GPU by its number", .free_on_resume = true},
      {"--precision",
       &o.precision,
       "fp32; tf32: products of float32 on a GPU's tensor cores, a little less exact; bf16: autocast to bfloat16",
       {"fp32", "tf32", "bf16"}},
      {"--amp", &o.amp, "The same as --precision bf16"},
      {.flags = "--cuda-graph,!--no-cuda-graph",
       .field = &o.cuda_graph,
       .help = "On a GPU, record a step on each of up to 4 sizes of batch once and replay it: the same numbers, less work for the host [yes]",
       .free_on_resume = true},
      {.flags = "--threads", .field = &o.threads, .help = "Threads that compute; 0: all cores", .free_on_resume = true},
      {.flags = "--detect-anomaly",
       .field = &o.detect_anomaly,
       .help = "Look at every result for NaN and infinity; slow",
       .free_on_resume = true},
  };
}

void resolve(DeviceOptions& o) {
  const cuda::DeviceGuard there{Device(o.device)};  // throws where it is not
  check<UsageError>(!o.amp || o.precision != "tf32", "--amp and --precision tf32 contradict each other. Leave one out.");
  if (o.amp) o.precision = "bf16";
  check<UsageError>(o.threads >= 0 && o.threads <= 1024, "--threads: {}. From 0 (all cores) to 1024.", o.threads);
}

}  // namespace tessera::tools
