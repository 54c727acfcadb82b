// Sums over the pixels of each channel in two launches: what the statistics and the gradient of batch normalisation have in common.
//
// In the first a thread sums its pixels (cuda_load_ahead.h) in float32, float64 for float64 inputs; the slots of a block meet in shared
// memory in float64, and each block leaves one partial result a channel. The second launch adds these up: a block takes 2 channels, 128
// threads each. The order depends on the shape and the GPU model alone. For .cu files.
#pragma once

#include "kernels/batch_norm/cuda_affine.h"
#include "kernels/batch_norm/cuda_load_ahead.h"
#include "kernels/cuda/memory.h"
#include "kernels/cuda/reduce.h"

namespace tessera::kernels::cuda {

struct TwoSums {
  double first, second;
  __device__ void add(const TwoSums& other) { first += other.first, second += other.second; }
};

// The sum over the slots of each lane, in shared[lane]. Thread (lane, slot) has its value at shared[slot * lanes + lane].
__device__ inline void add_slots(TwoSums* shared, int lanes, int slots, int lane, int slot) {
  __syncthreads();
  for (int left = slots; left > 1;) {
    const int half = (left + 1) / 2;
    if (slot + half < left) shared[slot * lanes + lane].add(shared[(slot + half) * lanes + lane]);
    left = half;
    __syncthreads();
  }
}

// Shared memory of such a kernel: what the walk needs, then, in its place, the sums of all threads.
template <int kChannels> constexpr size_t sums_bytes(size_t walk_bytes) {
  return std::max(walk_bytes, sizeof(TwoSums) * kThreads * kChannels);
}

// The partial results of a block, for each channel of its lanes: the sum of mine(v) over the slots.
//   one lane (NCHW)  a block reduction
//   else             all values go to shared memory, [v][slot][lane]; `parts` threads a channel sum an equal share of the slots each,
//                    then one of them sums the shares: three barriers, however many channels
// `memory`: sums_bytes of shared memory, which ends its former use.
template <int kChannels, size_t K, class F>
__device__ inline void store_partial(TwoSums* partial, void* memory, const ChannelWalk<K>& walk, const F& mine) {
  TwoSums* const shared = static_cast<TwoSums*>(memory);
  const int lanes = walk.lanes, channels = lanes * kChannels, parts = max(1, kThreads / channels);
  TwoSums* const to = partial + (int64_t{blockIdx.y} * walk.channels + int64_t{blockIdx.x} * lanes) * kChannels;
  __syncthreads();
  if (kChannels == 1 && lanes == 1) {
    double* const scratch = reinterpret_cast<double*>(shared);
    const TwoSums sums = mine(0);
    const double first = block_reduce(sums.first, scratch), second = block_reduce(sums.second, scratch);
    if (threadIdx.x == 0) *to = {first, second};
    return;
  }
#pragma unroll
  for (int v = 0; v < kChannels; ++v) shared[v * kThreads + threadIdx.x] = mine(v);
  __syncthreads();
  const int present = static_cast<int>(min(int64_t{lanes}, walk.channels - int64_t{blockIdx.x} * lanes));
  if (parts == 1) {
    for (int i = threadIdx.x; i < channels; i += kThreads) {
      const int v = i / lanes, lane = i - v * lanes;
      TwoSums sum{};
      for (int slot = 0; slot < walk.slots; ++slot) sum.add(shared[v * kThreads + slot * lanes + lane]);
      if (lane < present) to[lane * kChannels + v] = sum;
    }
    return;
  }
  const int part = static_cast<int>(threadIdx.x) / channels, i = static_cast<int>(threadIdx.x) - part * channels;
  const int v = i / lanes, lane = i - v * lanes;
  TwoSums sum{};
  if (part < parts)
    for (int slot = part; slot < walk.slots; slot += parts) sum.add(shared[v * kThreads + slot * lanes + lane]);
  __syncthreads();
  if (part < parts) shared[part * channels + i] = sum;
  __syncthreads();
  if (part == 0 && lane < present) {
    for (int other = 1; other < parts; ++other) sum.add(shared[other * channels + i]);
    to[lane * kChannels + v] = sum;
  }
}

inline constexpr int kCombinedChannels = 2, kCombineSlots = kThreads / kCombinedChannels;

// Calls finish(c, sums) for each channel c.
template <class Finish> __global__ void __launch_bounds__(kThreads)
    combine_sums_kernel(const TwoSums* partial, int64_t channels, int chunks, Finish finish) {
  wait_for_kernel_before();
  __shared__ TwoSums shared[kThreads];
  const int lane = threadIdx.x % kCombinedChannels, slot = threadIdx.x / kCombinedChannels;
  const int64_t c = int64_t{blockIdx.x} * kCombinedChannels + lane;
  TwoSums sums{};
  if (c < channels) {
#pragma unroll 8
    for (int i = slot; i < chunks; i += kCombineSlots) sums.add(partial[i * channels + c]);
  }
  shared[threadIdx.x] = sums;
  add_slots(shared, kCombinedChannels, kCombineSlots, lane, slot);
  if (slot == 0 && c < channels) finish(c, shared[lane]);
}

// One value a channel, of any floating type, that is written; nothing without data.
struct ChannelOutput {
  void* data;
  ScalarType dtype;
  explicit ChannelOutput(const View& view) : data(view.data), dtype(view.dtype) {}
  __device__ void set(int64_t c, double value) const {
    if (data != nullptr) store_as(data, dtype, c, value);
  }
  // A step towards `value`.
  __device__ void approach(int64_t c, double value, double momentum) const {
    if (data != nullptr) set(c, (1 - momentum) * load_as<double>(data, dtype, c) + momentum * value);
  }
};

// start(partial, grid) launches the first kernel, of which a multiprocessor holds `resident` blocks: all go through the tensor side by
// side.
template <size_t K, class Start, class Finish> void reduce_channels(const char* name, const ChannelWalk<K>& walk,
                                                                    int64_t channels, int resident, const Start& start,
                                                                    const Finish& finish) {
  const int64_t chunks = walk.chunks(int64_t{multiprocessors()} * resident, 8);
  const DeviceScratch<TwoSums> partial(channels * chunks);
  start(partial.data(), dim3(static_cast<unsigned>(walk.groups()), static_cast<unsigned>(chunks)));
  launch(name, combine_sums_kernel<Finish>, dim3(static_cast<unsigned>(div_up(channels, kCombinedChannels))), kThreads, 0,
         partial.data(), channels, static_cast<int>(chunks), finish);
}

}  // namespace tessera::kernels::cuda
