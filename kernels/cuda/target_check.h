// Targets that name no class, found on the device and reported to the host without a wait.
//
// A loss kernel that meets one writes it to a place in pinned host memory, of which each device has one. Nobody waits for it in the
// training step, so that steps run ahead and can be captured as a CUDA graph. core/invalid_target.h says when the host looks.
#pragma once

#include <cstdint>
#include <optional>

namespace tessera::kernels::cuda {

struct InvalidTarget {
  int32_t state;  // 0: none, 1: a report
  bool fused;     // cross_entropy, else nll_loss
  int64_t target, pixel, classes, ignore_index;
};

// Where kernels on the current device report. Of several reports that nobody has taken the first one stays.
InvalidTarget* invalid_target_report();
// The report of any device, which is forgotten. Does not wait: what kernels that still run will find comes later.
std::optional<InvalidTarget> take_invalid_target();

#ifdef __CUDACC__
__device__ inline void report_invalid_target(InvalidTarget* report, const InvalidTarget& found) {
  volatile int32_t* const state = &report->state;
  if (*state != 0) return;
  report->fused = found.fused;
  report->target = found.target;
  report->pixel = found.pixel;
  report->classes = found.classes;
  report->ignore_index = found.ignore_index;
  __threadfence_system();
  *state = 1;
}
#endif

}  // namespace tessera::kernels::cuda
