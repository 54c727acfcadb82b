// Pinned host memory, kept in blocks of powers of two, and the copies that know of it.
#include <algorithm>
#include <bit>
#include <map>
#include <mutex>
#include <vector>

#include "kernels/cuda/check.h"
#include "kernels/cuda/graph.h"
#include "kernels/cuda/memory.h"

namespace tessera::kernels::cuda {
namespace {

struct Block {
  size_t bytes = 0;
  std::vector<Event> copies = {};  // asynchronous copies that may still read or write the block
};

struct Cache {
  std::mutex mutex;
  std::map<const char*, Block> live;
  std::multimap<size_t, std::pair<char*, Block>> freed;

  // The live block that an address lies in.
  Block* find(const void* address) {
    const char* at = static_cast<const char*>(address);
    auto it = live.upper_bound(at);
    if (it == live.begin()) return nullptr;
    --it;
    return at < it->first + it->second.bytes ? &it->second : nullptr;
  }
};

// Never destroyed, as the device's allocator.
Cache& cache() {
  static Cache* instance = new Cache;
  return *instance;
}

bool is_host_memory(const void* data) {
  cudaPointerAttributes attributes;
  check(cudaPointerGetAttributes(&attributes, data), "where memory lies");
  return attributes.type == cudaMemoryTypeUnregistered || attributes.type == cudaMemoryTypeHost;
}

// True if all copies have ended; forgets those that have.
bool idle(Block& block) {
  std::erase_if(block.copies, [](Event event) {
    if (!event_finished(event)) return false;
    destroy_event(event);
    return true;
  });
  return block.copies.empty();
}

}  // namespace

void* allocate_pinned(size_t bytes) {
  if (bytes == 0) return nullptr;
  require_device(0);
  const size_t size = std::bit_ceil(std::max<size_t>(bytes, 512));
  Cache& c = cache();
  std::lock_guard lock(c.mutex);
  for (auto [it, end] = c.freed.equal_range(size); it != end; ++it) {
    if (!idle(it->second.second)) continue;
    char* const data = it->second.first;
    c.freed.erase(it);
    c.live[data] = {size};
    return data;
  }
  void* data = nullptr;
  check(cudaHostAlloc(&data, size, cudaHostAllocPortable), "allocating pinned memory");
  c.live[static_cast<char*>(data)] = {size};
  return data;
}

void deallocate_pinned(void* data) noexcept {
  if (data == nullptr) return;
  Cache& c = cache();
  std::lock_guard lock(c.mutex);
  const auto it = c.live.find(static_cast<char*>(data));
  c.freed.emplace(it->second.bytes, std::pair(static_cast<char*>(data), std::move(it->second)));
  c.live.erase(it);
}

bool is_pinned(const void* data) {
  Cache& c = cache();
  std::lock_guard lock(c.mutex);
  return c.find(data) != nullptr;
}

void release_pinned_cache() {
  Cache& c = cache();
  std::lock_guard lock(c.mutex);
  for (auto it = c.freed.begin(); it != c.freed.end();) {
    if (!idle(it->second.second)) {
      ++it;
      continue;
    }
    cudaFreeHost(it->second.first);
    it = c.freed.erase(it);
  }
}

void copy_bytes(void* to, const void* from, size_t bytes) {
  if (bytes == 0) return;
  if (is_capturing() && (is_host_memory(to) || is_host_memory(from))) require_no_capture("copy_bytes");
  const Stream stream = current_stream();
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, stream), "copying memory");
  Cache& c = cache();
  std::lock_guard lock(c.mutex);
  for (const void* side : {static_cast<const void*>(to), from}) {
    if (Block* block = c.find(side)) {
      const Event event = create_event(false);
      record_event(event, stream);
      block->copies.push_back(event);
      idle(*block);
    }
  }
}

}  // namespace tessera::kernels::cuda
