// How long a network's training step and its inference take, and how much memory a step needs.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/device.h"

namespace tessera::tools {

struct StepBenchOptions {
  std::string model = "unet";
  std::map<std::string, std::string> settings;
  std::vector<int64_t> shape;  // of the images: batch, channels, height, width
  int64_t classes = 12;
  Device device = kCPU;
  std::string precision = "fp32";
  bool channels_last = true;
  bool cuda_graph = false;
  int64_t steps = 20;  // timed ones, after some that are not
};

struct StepTimes {
  double train_ms = 0;     // forward, cross-entropy, backward and AdamW's step: the median
  double infer_ms = 0;     // forward in evaluation mode
  double infer_b1_ms = 0;  // the same of one picture
  int64_t peak_bytes = 0;  // of memory in tensors during a training step that is not a graph's; parameters and states included
  double loss = 0;         // after all those steps on one batch
};

StepTimes measure_steps(const StepBenchOptions& options);

// A table of what each kernel of one training step takes (core/kernel_profile.h).
std::string profile_step(const StepBenchOptions& options);

}  // namespace tessera::tools
