// Launching kernels: configuration, the current stream, and the check afterwards. For .cu files.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

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

// Starts kernel<<<grid, block, shared>>>(args...) on the current stream; does nothing for an empty grid. Errors name the kernel.
// More shared memory than the 48 KiB that every kernel gets, its static part included, is asked for here.
template <class... Params, class... Args>
void launch(const char* name, void (*kernel)(Params...), dim3 grid, dim3 block, size_t shared, Args&&... args) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
  if (shared > 40 * 1024)  // no kernel that asks for any has 8 KiB of static memory
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared)), name);
  kernel<<<grid, block, shared, current_stream()>>>(static_cast<Params>(args)...);
  check_launch(name);
}

// The same for a kernel that may begin while the kernel before it in the stream still runs (programmatic dependent launch, compute
// capability 9.0; elsewhere it waits as usual). That kernel must have been started by launch(). The new one does what needs no result of
// it, then calls wait_for_kernel_before(), in each thread that uses one.
template <class... Params, class... Args>
void launch_early(const char* name, void (*kernel)(Params...), dim3 grid, dim3 block, size_t shared, Args&&... args) {
  int major = 0;
  check(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, current_device()), "device attribute");
  if (major < 9) return launch(name, kernel, grid, block, shared, std::forward<Args>(args)...);
  if (shared > 40 * 1024)
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared)), name);
  cudaLaunchAttribute early{};
  early.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  early.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config{};
  config.gridDim = grid, config.blockDim = block, config.dynamicSmemBytes = shared, config.stream = current_stream();
  config.attrs = &early, config.numAttrs = 1;
  check(cudaLaunchKernelEx(&config, kernel, static_cast<Params>(args)...), name);
  check_launch(name);
}
// In the later kernel: returns when the one before has ended and what it wrote is visible. At once after an ordinary launch.
__device__ inline void wait_for_kernel_before() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}
// In the earlier one: the next may begin when all blocks have called this or ended.
__device__ inline void let_next_kernel_begin() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;");
#endif
}

// The position of this thread and the number of threads, for grid-stride loops.
__device__ inline int64_t thread_position() { return int64_t{blockIdx.x} * blockDim.x + threadIdx.x; }
__device__ inline int64_t thread_count() { return int64_t{gridDim.x} * blockDim.x; }

}  // namespace tessera::kernels::cuda
