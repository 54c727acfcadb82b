#include <array>
#include <atomic>

#include "kernels/cuda/launch.h"

namespace tessera::kernels::cuda {
namespace {

// All kernels are compiled for the same list of architectures: this one tells which of them the device has.
__global__ void probe_kernel() { wait_for_kernel_before(); }

bool is_compiled_with_waits() {
  cudaFuncAttributes attributes;
  check(cudaFuncGetAttributes(&attributes, probe_kernel), "kernel attributes");
  return attributes.ptxVersion >= 90;
}

}  // namespace

bool kernels_may_begin_early() {
  enum : char { kUnknown, kNo, kYes };
  static std::array<std::atomic<char>, 64> known{};  // by device
  std::atomic<char>& state = known.at(static_cast<size_t>(current_device()));
  if (state == kUnknown) state = is_compiled_with_waits() ? kYes : kNo;
  return state == kYes;
}

}  // namespace tessera::kernels::cuda
