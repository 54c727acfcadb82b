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
  bool is_float() const { return data == nullptr || dtype == kFloat32; }

  // kFloat: is_float() is known to hold. Then several of these have no branch between them, and their loads run side by side.
  template <bool kFloat = false> __device__ double get(int64_t c, double absent = 0) const {
    if (data == nullptr) return absent;
    if constexpr (kFloat)
      return static_cast<const float*>(data)[c];
    else
      return load_as<double>(data, dtype, c);
  }
};

struct DeviceChannels {
  DeviceChannel mean, invstd, weight, bias;
  bool relu, floats;
  explicit DeviceChannels(const BatchNormChannels& channels)
      : mean(channels.mean),
        invstd(channels.invstd),
        weight(channels.weight),
        bias(channels.bias),
        relu(channels.relu),
        floats(mean.is_float() && invstd.is_float() && weight.is_float() && bias.is_float()) {}
};

// Shared memory holds rows of one number for each channel of a block: mean, scale, bias and, for the gradient, constant and slope.
inline constexpr int kAffineRows = 3, kGradientRows = 5;

template <class C, int kChannels, size_t K> size_t affine_bytes(const ChannelWalk<K>& walk, int rows = kAffineRows) {
  return static_cast<size_t>(rows * walk.lanes * kChannels) * sizeof(C);
}

// more.operator()<kFloat>(c, i) fills what lies behind the first three rows, for channel c at place i. Ends with a barrier.
template <int kChannels, class C, size_t K, class More>
__device__ inline void fill_affine(C* shared, const DeviceChannels& channels, const ChannelWalk<K>& walk, const More& more) {
  const int row = walk.lanes * kChannels;
  const auto fill = [&]<bool kFloat>() {
    for (int i = threadIdx.x; i < row; i += kThreads) {
      const int64_t c = int64_t{blockIdx.x} * row + i;
      if (c >= walk.channels * kChannels) break;
      const double mean = channels.mean.get<kFloat>(c), invstd = channels.invstd.get<kFloat>(c, 1);
      const double weight = channels.weight.get<kFloat>(c, 1), bias = channels.bias.get<kFloat>(c);
      more.template operator()<kFloat>(c, i);
      shared[i] = static_cast<C>(mean);
      shared[row + i] = static_cast<C>(invstd * weight);
      shared[2 * row + i] = static_cast<C>(bias);
    }
  };
  if (channels.floats)
    fill.template operator()<true>();
  else
    fill.template operator()<false>();
  __syncthreads();
}
struct NothingMore {
  template <bool kFloat> __device__ void operator()(int64_t, int) const {}
};
template <int kChannels, class C, size_t K>
__device__ inline void fill_affine(C* shared, const DeviceChannels& channels, const ChannelWalk<K>& walk) {
  fill_affine<kChannels>(shared, channels, walk, NothingMore{});
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
