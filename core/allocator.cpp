#include "core/allocator.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <new>

#include "kernels/cuda/memory.h"

namespace tessera {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;

// Sizes are rounded up so that blocks of nearly equal size can stand in for each other: to 64 bytes below 4 KiB, to an eighth of
// the power of two below the size above.
size_t round_up(size_t bytes) {
  size_t unit = 64;
  while (unit * 16 <= bytes) unit *= 2;
  return (bytes + unit - 1) / unit * unit;
}

struct Cache {
  std::mutex mutex;
  std::multimap<size_t, void*> kept;
  MemoryStats stats;
  const bool poison = std::getenv("TESSERA_POISON") != nullptr;
};

// Never destroyed: tensors of static storage duration may be freed after any destructor here would have run.
Cache& cache() {
  static Cache* instance = new Cache;
  return *instance;
}

void* system_allocate(size_t bytes) {
  const size_t alignment = bytes >= kHugePage ? kHugePage : 64;
  void* data = std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  if (data != nullptr && bytes >= kHugePage) madvise(data, bytes, MADV_HUGEPAGE);
  return data;
}

void release_kept(Cache& c) {
  for (auto& [bytes, data] : c.kept) {
    std::free(data);
    c.stats.reserved -= static_cast<int64_t>(bytes);
  }
  c.kept.clear();
}

}  // namespace

void* allocate_host(size_t bytes) {
  if (bytes == 0) return nullptr;
  const size_t size = round_up(bytes);
  Cache& c = cache();
  void* data = nullptr;
  {
    std::lock_guard lock(c.mutex);
    if (auto it = c.kept.find(size); it != c.kept.end()) {
      data = it->second;
      c.kept.erase(it);
    } else {
      data = system_allocate(size);
      if (data == nullptr) {
        release_kept(c);
        data = system_allocate(size);
      }
      if (data == nullptr) throw std::bad_alloc();
      c.stats.reserved += static_cast<int64_t>(size);
    }
    c.stats.allocated += static_cast<int64_t>(size);
    if (c.stats.allocated > c.stats.peak_allocated) c.stats.peak_allocated = c.stats.allocated;
  }
  if (c.poison) std::memset(data, 0xFF, size);
  return data;
}

void free_host(void* data, size_t bytes) noexcept {
  if (data == nullptr) return;
  Cache& c = cache();
  const size_t size = round_up(bytes);
  std::lock_guard lock(c.mutex);
  c.stats.allocated -= static_cast<int64_t>(size);
  c.kept.emplace(size, data);
}

MemoryStats memory_stats(const Device& device) {
  if (device.is_cuda()) return kernels::cuda::memory_stats(device.resolved().index());
  std::lock_guard lock(cache().mutex);
  return cache().stats;
}

void reset_peak_memory_stats(const Device& device) {
  if (device.is_cuda()) return kernels::cuda::reset_peak_memory_stats(device.resolved().index());
  std::lock_guard lock(cache().mutex);
  cache().stats.peak_allocated = cache().stats.allocated;
}

void empty_cache() {
  kernels::cuda::empty_cache();
  std::lock_guard lock(cache().mutex);
  release_kept(cache());
}

}  // namespace tessera
