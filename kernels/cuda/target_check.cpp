#include "kernels/cuda/target_check.h"

#include <cstring>
#include <mutex>
#include <vector>

#include "kernels/cuda/check.h"
#include "kernels/cuda/runtime.h"

namespace tessera::kernels::cuda {
namespace {

struct Reports {
  std::mutex mutex;
  std::vector<InvalidTarget*> of_device{static_cast<size_t>(device_count())};
};

// Never destroyed: kernels may still hold the addresses.
Reports& reports() {
  static Reports* instance = new Reports;
  return *instance;
}

}  // namespace

InvalidTarget* invalid_target_report() {
  Reports& r = reports();
  std::lock_guard lock(r.mutex);
  InvalidTarget*& report = r.of_device[static_cast<size_t>(current_device())];
  if (report == nullptr) {
    void* memory = nullptr;
    check(cudaHostAlloc(&memory, sizeof(InvalidTarget), cudaHostAllocPortable | cudaHostAllocMapped), "allocating pinned memory");
    std::memset(memory, 0, sizeof(InvalidTarget));
    report = static_cast<InvalidTarget*>(memory);
  }
  return report;
}

std::optional<InvalidTarget> take_invalid_target() {
  Reports& r = reports();
  std::lock_guard lock(r.mutex);
  for (InvalidTarget* report : r.of_device) {
    if (report == nullptr || *static_cast<volatile int32_t*>(&report->state) == 0) continue;
    const InvalidTarget found = *report;
    *static_cast<volatile int32_t*>(&report->state) = 0;
    return found;
  }
  return std::nullopt;
}

}  // namespace tessera::kernels::cuda
