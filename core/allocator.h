// Memory for tensors: of the host here, of CUDA devices in kernels/cuda/memory.h.
//
// Fresh pages cost more than most ops that write them: the first touch of a page runs at 2 GB/s or less. So freed blocks are
// kept and handed out again, and a training loop touches fresh pages in its first step only.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/device.h"
#include "kernels/memory_stats.h"

namespace tessera {

// 64-byte aligned, uninitialised. Throws std::bad_alloc. Thread-safe. A request of 0 bytes gives nullptr.
// With TESSERA_POISON=1 in the environment each block is filled with 0xFF (a NaN in every floating type) before it is handed
// out, so that a kernel that forgets an output element cannot pass a test by luck.
void* allocate_host(size_t bytes);
void free_host(void* data, size_t bytes) noexcept;

MemoryStats memory_stats(const Device& device = kCPU);
void reset_peak_memory_stats(const Device& device = kCPU);
void empty_cache();  // gives kept blocks of all devices back to the system

}  // namespace tessera
