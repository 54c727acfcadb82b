// Host memory for tensors.
//
// Fresh pages cost more than most ops that write them: the first touch of a page runs at 2 GB/s or less. So freed blocks are
// kept and handed out again, and a training loop touches fresh pages in its first step only.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tessera {

struct MemoryStats {
  int64_t allocated = 0;       // bytes in live tensors
  int64_t peak_allocated = 0;  // the largest value of `allocated` since the start or the last reset
  int64_t reserved = 0;        // bytes taken from the system, live or kept for reuse
};

// 64-byte aligned, uninitialised. Throws std::bad_alloc. Thread-safe. A request of 0 bytes gives nullptr.
// With TESSERA_POISON=1 in the environment each block is filled with 0xFF (a NaN in every floating type) before it is handed
// out, so that a kernel that forgets an output element cannot pass a test by luck.
void* allocate_host(size_t bytes);
void free_host(void* data, size_t bytes) noexcept;

MemoryStats memory_stats();
void reset_peak_memory_stats();
void empty_cache();  // gives kept blocks back to the system

}  // namespace tessera
