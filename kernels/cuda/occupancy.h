// How many blocks of a kernel run at a time, for kernels that cut their work to fit. For .cu files.
#pragma once

#include "kernels/cuda/launch.h"

namespace tessera::kernels::cuda {

// Blocks of the kernel that a multiprocessor of the current device holds at a time; at least 1.
template <class... Params> int resident_blocks(void (*kernel)(Params...), int block, size_t shared) {
  if (shared > 48 * 1024)
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared)), "shared memory");
  int count = 0;
  check(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&count, kernel, block, shared), "occupancy");
  return std::max(count, 1);
}

}  // namespace tessera::kernels::cuda
