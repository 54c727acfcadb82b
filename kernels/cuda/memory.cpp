// The caching allocator of device memory: best fit with splitting and merging.
//
// Memory comes from the driver in segments; a segment is a chain of blocks, in use or free. A request takes the smallest free
// block of its stream that is large enough and gives the rest back as a new free block; a freed block merges with free neighbours.
// Small requests (up to 1 MiB) have segments of their own, so that they do not cut up the large ones.
#include "kernels/cuda/memory.h"

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <set>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "kernels/cuda/check.h"
#include "kernels/cuda/graph.h"

namespace tessera::kernels::cuda {
namespace {

constexpr size_t kMiB = size_t{1} << 20;
constexpr size_t kAlignment = 512, kSmall = kMiB, kSmallSegment = 2 * kMiB, kMiddle = 10 * kMiB, kMiddleSegment = 20 * kMiB;

struct Block {
  int device;
  uint64_t pool;
  Stream stream;
  char* data;
  size_t bytes;
  bool small;
  bool live = false;
  Block *before = nullptr, *after = nullptr;  // neighbours in the segment
  std::vector<Stream> users = {};             // other streams that work on it
};

struct BestFit {
  using Key = std::tuple<uint64_t, Stream, bool, size_t, char*>;
  // Within a graph's pool streams do not matter.
  static Key key(const Block* b) { return {b->pool, b->pool == 0 ? b->stream : nullptr, b->small, b->bytes, b->data}; }
  bool operator()(const Block* a, const Block* b) const { return key(a) < key(b); }
};

size_t round_up(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

size_t segment_size(size_t bytes) {
  return bytes <= kSmall ? kSmallSegment : bytes < kMiddle ? kMiddleSegment : round_up(bytes, 2 * kMiB);
}

// The memory of one device: all pools.
class Pool {
 public:
  Block* take(int device, uint64_t pool, Stream stream, size_t requested, const std::set<uint64_t>& kept) {
    const size_t bytes = round_up(requested, kAlignment);
    const bool small = bytes <= kSmall;
    Block wanted{device, pool, stream, nullptr, bytes, small};
    auto it = free_.lower_bound(&wanted);
    Block* block;
    if (it != free_.end() && (*it)->pool == pool && (pool != 0 || (*it)->stream == stream) && (*it)->small == small) {
      block = *it;
      free_.erase(it);
      block->stream = stream;
    } else {
      block = new_segment(wanted, requested, kept);
    }
    const size_t rest = block->bytes - bytes;
    if (rest >= (small ? kAlignment : kSmall + 1)) split(block, bytes);
    block->live = true;
    stats.allocated += static_cast<int64_t>(block->bytes);
    stats.peak_allocated = std::max(stats.peak_allocated, stats.allocated);
    return block;
  }

  void give_back(Block* block) {
    stats.allocated -= static_cast<int64_t>(block->bytes);
    block->live = false;
    if (block->after != nullptr && !block->after->live) {
      free_.erase(block->after);
      absorb_next(block);
    }
    if (block->before != nullptr && !block->before->live) {
      block = block->before;
      free_.erase(block);
      absorb_next(block);
    }
    free_.insert(block);
  }

  // Gives the segments that hold no live block back to the driver, but for those of `kept` pools.
  void release_free_segments(const std::set<uint64_t>& kept) {
    for (auto it = free_.begin(); it != free_.end();) {
      Block* block = *it;
      if (block->before != nullptr || block->after != nullptr || kept.contains(block->pool)) {
        ++it;
        continue;
      }
      it = free_.erase(it);
      cudaFree(block->data);  // waits for the device
      stats.reserved -= static_cast<int64_t>(block->bytes);
      delete block;
    }
  }

  MemoryStats stats;

 private:
  Block* new_segment(const Block& wanted, size_t requested, const std::set<uint64_t>& kept) {
    const size_t bytes = segment_size(wanted.bytes);
    void* data = nullptr;
    cudaError_t status = cudaMalloc(&data, bytes);
    if (status == cudaErrorMemoryAllocation) {
      cudaGetLastError();
      release_free_segments(kept);
      status = cudaMalloc(&data, bytes);
    }
    if (status == cudaErrorMemoryAllocation) {
      cudaGetLastError();
      out_of_memory(wanted.device, requested);
    }
    check(status, "allocating memory");
    stats.reserved += static_cast<int64_t>(bytes);
    return new Block{wanted.device, wanted.pool, wanted.stream, static_cast<char*>(data), bytes, wanted.small};
  }

  [[noreturn]] void out_of_memory(int device, size_t requested) {
    size_t unused = 0, total = 0;
    cudaMemGetInfo(&unused, &total);
    const auto mib = [](auto bytes) { return std::to_string(static_cast<size_t>(bytes) / kMiB) + " MiB"; };
    throw DeviceError("device cuda:" + std::to_string(device) + ": out of memory: " + mib(requested) + " were asked for, tensors hold " +
                      mib(stats.allocated) + ", " + mib(stats.reserved) + " are reserved, " + mib(unused) + " of " + mib(total) +
                      " are unused. Use a smaller batch or smaller images.");
  }

  void split(Block* block, size_t bytes) {
    Block* rest = new Block{block->device, block->pool, block->stream, block->data + bytes, block->bytes - bytes, block->small};
    rest->before = block;
    rest->after = block->after;
    if (rest->after != nullptr) rest->after->before = rest;
    block->after = rest;
    block->bytes = bytes;
    free_.insert(rest);
  }

  void absorb_next(Block* block) {
    Block* next = block->after;
    block->bytes += next->bytes;
    block->after = next->after;
    if (next->after != nullptr) next->after->before = block;
    delete next;
  }

  std::set<Block*, BestFit> free_;
};

thread_local uint64_t pool_of_thread = 0;

struct Allocator {
  std::mutex mutex;
  std::vector<Pool> pools{static_cast<size_t>(device_count())};
  std::unordered_map<void*, Block*> live;
  std::set<uint64_t> graph_pools;
  uint64_t next_pool = 1;
  const bool poison = std::getenv("TESSERA_POISON") != nullptr;
};

// Never destroyed: tensors of static storage duration may be freed after any destructor here would have run.
Allocator& allocator() {
  static Allocator* instance = new Allocator;
  return *instance;
}

// Later work of the block's stream waits for the other streams that use it.
void wait_for_users(Block* block) {
  if (block->users.empty()) return;
  const DeviceGuard guard(block->device);
  for (Stream user : block->users) {
    const Event event = create_event(false);
    record_event(event, user);
    wait_event(block->stream, event);
    destroy_event(event);
  }
  block->users.clear();
}

}  // namespace

void release_pinned_cache();  // pinned_memory.cpp

void* allocate(size_t bytes) {
  if (bytes == 0) return nullptr;
  Allocator& a = allocator();
  const int device = current_device();
  require_device(device);
  const Stream stream = current_stream();
  Block* block;
  {
    std::lock_guard lock(a.mutex);
    block = a.pools[static_cast<size_t>(device)].take(device, pool_of_thread, stream, bytes, a.graph_pools);
    a.live[block->data] = block;
  }
  if (a.poison) fill_bytes(block->data, 0xFF, block->bytes);
  return block->data;
}

void deallocate(void* data) noexcept {
  if (data == nullptr) return;
  Allocator& a = allocator();
  std::lock_guard lock(a.mutex);
  const auto it = a.live.find(data);
  Block* block = it->second;
  a.live.erase(it);
  try {
    wait_for_users(block);
  } catch (const DeviceError&) {
    return;  // the device has failed: the block is not to be used again
  }
  a.pools[static_cast<size_t>(block->device)].give_back(block);
}

void record_use(void* data, Stream stream) {
  Allocator& a = allocator();
  std::lock_guard lock(a.mutex);
  const auto it = a.live.find(data);
  // Not ours, ordered by its own stream, or of a graph, which runs in any.
  if (it == a.live.end() || it->second->stream == stream || it->second->pool != 0) return;
  auto& users = it->second->users;
  if (std::find(users.begin(), users.end(), stream) == users.end()) users.push_back(stream);
}

uint64_t make_memory_pool() {
  std::lock_guard lock(allocator().mutex);
  allocator().graph_pools.insert(allocator().next_pool);
  return allocator().next_pool++;
}

void give_up_memory_pool(uint64_t pool) {
  std::lock_guard lock(allocator().mutex);
  allocator().graph_pools.erase(pool);
}

void use_memory_pool(uint64_t pool) { pool_of_thread = pool; }

MemoryStats memory_stats(int device) {
  require_device(device);
  std::lock_guard lock(allocator().mutex);
  return allocator().pools[static_cast<size_t>(device)].stats;
}

void reset_peak_memory_stats(int device) {
  require_device(device);
  std::lock_guard lock(allocator().mutex);
  MemoryStats& stats = allocator().pools[static_cast<size_t>(device)].stats;
  stats.peak_allocated = stats.allocated;
}

void empty_cache() {
  if (device_count() == 0) return;
  {
    Allocator& a = allocator();
    std::lock_guard lock(a.mutex);
    for (size_t device = 0; device < a.pools.size(); ++device) {
      const DeviceGuard guard(static_cast<int>(device));
      a.pools[device].release_free_segments(a.graph_pools);
    }
  }
  release_pinned_cache();
}

void fill_bytes(void* to, unsigned char value, size_t bytes) {
  if (bytes > 0) check(cudaMemsetAsync(to, value, bytes, current_stream()), "filling memory");
}

}  // namespace tessera::kernels::cuda
