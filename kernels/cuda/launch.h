// Launching kernels: configuration, the current stream, and the check afterwards. For .cu files.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/cuda/check.h"
#include "kernels/cuda/runtime.h"

namespace tessera::kernels::cuda {

inline constexpr int kThreads = 256;  // a block, where a kernel has no reason for another number
inline constexpr int kWarp = 32;

constexpr int64_t div_up(int64_t count, int64_t unit) { return (count + unit - 1) / unit; }

// Multiprocessors of the current device.
inline int multiprocessors() {
  int count = 0;
  check(cudaDeviceGetAttribute(&count, cudaDevAttrMultiProcessorCount, current_device()), "device attribute");
  return count;
}

// Blocks for `count` threads' work in a grid-stride loop: enough to fill the device a few times over, never more than needed.
inline dim3 grid_for(int64_t count, int threads = kThreads) {
  return dim3(static_cast<unsigned>(std::min<int64_t>(div_up(count, threads), int64_t{multiprocessors()} * (2048 / threads) * 4)));
}

// Whether kernels may begin early on the current device: it can, and its code was compiled for compute capability 9.0 or later, not
// translated from that of an earlier one, where waits are nothing. early_launch.cu
bool kernels_may_begin_early();

// Starts a kernel on the current stream; does nothing for an empty grid. Errors name the kernel. More shared memory than the 48 KiB that
// every kernel gets, its static part included, is asked for here.
//
// From compute capability 9.0 on a kernel may begin before the one before it in the stream has ended (programmatic dependent launch),
// which hides a microsecond of each launch. So every kernel calls wait_for_kernel_before() before it reads or writes what another one may
// use; tests/architecture/cuda_kernels_test.cpp looks for it.
template <class... Params, class... Args>
void launch(const char* name, void (*kernel)(Params...), dim3 grid, dim3 block, size_t shared, Args&&... args) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
  if (shared > 40 * 1024)  // no kernel that asks for any has 8 KiB of static memory
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared)), name);
  cudaLaunchAttribute early{};
  early.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  early.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config{};
  config.gridDim = grid, config.blockDim = block, config.dynamicSmemBytes = shared, config.stream = current_stream();
  config.attrs = &early, config.numAttrs = kernels_may_begin_early() ? 1 : 0;
  check(cudaLaunchKernelEx(&config, kernel, static_cast<Params>(args)...), name);
  check_launch(name);
}

// Returns when the kernel before has ended and what it wrote is visible.
__device__ inline void wait_for_kernel_before() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}
// The next kernel may begin when all blocks have called this; without it, when all blocks have ended. Called after the wait, so that a
// kernel that has begun knows the one before the one before it to have ended. For kernels whose next one has something to do meanwhile:
// blocks that only wait gather where there is room first, and then some multiprocessors have more of them than others.
__device__ inline void let_next_kernel_begin() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;");
#endif
}

// The position of this thread and the number of threads, for grid-stride loops.
__device__ inline int64_t thread_position() { return int64_t{blockIdx.x} * blockDim.x + threadIdx.x; }
__device__ inline int64_t thread_count() { return int64_t{gridDim.x} * blockDim.x; }

}  // namespace tessera::kernels::cuda
