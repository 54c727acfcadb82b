// The per-channel numbers of batch normalisation on the device: a block's threads convert those of its channels once, into shared
// memory; then each thread keeps its own in registers. For .cu files.
#pragma once

#include "kernels/batch_norm/batch_norm.h"
#include "kernels/batch_norm/cuda_channels.h"

namespace tessera::kernels::cuda {

// One value a channel, of any floating type; `absent` where there is no data (row_norm/cuda.cu leaves mean and invstd out).
struct DeviceChannel {
  const void* data;
  ScalarType dtype;
  explicit DeviceChannel(const View& view) : data(view.data), dtype(view.dtype) {}
  __device__ double operator()(int64_t c, double absent = 0) const {
    return data == nullptr ? absent : load_as<double>(data, dtype, c);
  }
};

struct DeviceChannels {
  DeviceChannel mean, invstd, weight, bias;
  bool relu;
  explicit DeviceChannels(const BatchNormChannels& channels)
      : mean(channels.mean), invstd(channels.invstd), weight(channels.weight), bias(channels.bias), relu(channels.relu) {}
};

// Shared memory holds rows of one number for each channel of a block: mean, scale, bias and, for the gradient, constant and slope.
inline constexpr int kAffineRows = 3, kGradientRows = 5;

template <class C, int kChannels, size_t K> size_t affine_bytes(const ChannelWalk<K>& walk, int rows = kAffineRows) {
  return static_cast<size_t>(rows * walk.lanes * kChannels) * sizeof(C);
}

// more(c, i) fills what lies behind the first three rows, for channel c at place i. Ends with a barrier.
template <int kChannels, class C, size_t K, class More>
__device__ inline void fill_affine(C* shared, const DeviceChannels& channels, const ChannelWalk<K>& walk, const More& more) {
  const int row = walk.lanes * kChannels;
  for (int i = threadIdx.x; i < row; i += kThreads) {
    const int64_t c = int64_t{blockIdx.y} * row + i;
    if (c >= walk.channels * kChannels) break;
    shared[i] = static_cast<C>(channels.mean(c));
    shared[row + i] = static_cast<C>(channels.invstd(c, 1) * channels.weight(c, 1));
    shared[2 * row + i] = static_cast<C>(channels.bias(c));
    more(c, i);
  }
  __syncthreads();
}
template <int kChannels, class C, size_t K>
__device__ inline void fill_affine(C* shared, const DeviceChannels& channels, const ChannelWalk<K>& walk) {
  fill_affine<kChannels>(shared, channels, walk, [](int64_t, int) {});
}

// A thread's channels: y = (x - mean) * scale + bias.
template <class C, int kChannels> struct Affine {
  C mean[kChannels], scale[kChannels], bias[kChannels];

  template <size_t K> __device__ Affine(const C* shared, const ChannelWalk<K>& walk, const WalkThread& thread) {
    read_row(mean, shared, walk, thread, 0);
    read_row(scale, shared, walk, thread, 1);
    read_row(bias, shared, walk, thread, 2);
  }
  __device__ C operator()(C x, int c) const { return (x - mean[c]) * scale[c] + bias[c]; }

  template <size_t K> __device__ static void read_row(C (&to)[kChannels], const C* shared, const ChannelWalk<K>& walk,
                                                      const WalkThread& thread, int row) {
#pragma unroll
    for (int v = 0; v < kChannels; ++v) to[v] = shared[(row * walk.lanes + thread.lane) * kChannels + v];
  }
};

}  // namespace tessera::kernels::cuda
