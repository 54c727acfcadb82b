// The sums of batch normalisation on CUDA: statistics of the input, and the two sums that the gradient needs.
//
// Two launches. In the first a thread sums its pixels (cuda_channels.h) in float32, float64 for float64 inputs; the slots of a block
// meet in shared memory in float64, in a tree, and each block leaves one partial result a channel. The second launch adds these up:
// a block takes 8 channels, 32 threads each. The order depends on the shape and the GPU model alone.
// Memory traffic: each operand once, plus 16 bytes a channel and block.
#include <limits>

#include "kernels/batch_norm/batch_norm.h"
#include "kernels/batch_norm/cuda_affine.h"
#include "kernels/cuda/memory.h"
#include "kernels/elementwise/elementwise.h"

namespace tessera::kernels::cuda {
namespace {

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

// The partial results of a block, for each channel of its lanes: mine[v] of all slots.
template <int kChannels, size_t K> __device__ inline void store_partial(TwoSums* partial, const ChannelWalk<K>& walk,
                                                                        const WalkThread& thread,
                                                                        const TwoSums (&mine)[kChannels]) {
  __shared__ TwoSums shared[kThreads];
#pragma unroll
  for (int v = 0; v < kChannels; ++v) {
    shared[threadIdx.x] = mine[v];
    add_slots(shared, walk.lanes, walk.slots, thread.lane, thread.slot);
    if (thread.slot == 0 && thread.active)
      partial[(int64_t{blockIdx.x} * walk.channels + thread.channel) * kChannels + v] = shared[thread.lane];
    __syncthreads();
  }
}

// --- Statistics ---------------------------------------------------------------------------------------------------------------------

// A thread sums x - s and (x - s)^2 with s its first value of the channel: those of its values that differ little from each other
// lose nothing, however far from 0 they are. In float64 the sums are then moved to a value that all threads share, the channel's
// first: sum(x - o) = sum(x - s) + n (s - o), and likewise the squares.
template <class S, int kPixels, int kChannels> __global__ void __launch_bounds__(kThreads)
    statistics_kernel(const S* in, ChannelWalk<1> walk, TwoSums* partial) {
  using C = compute_t<S>;
  constexpr int V = kPixels * kChannels;
  const WalkThread thread(walk, blockIdx.x, gridDim.x);
  TwoSums result[kChannels] = {};
  if (thread.active && thread.begin + thread.slot < thread.end) {
    const S* from = in + thread.channel * walk.channel_steps[0];
    C shift[kChannels], sum[kChannels] = {}, squares[kChannels] = {};
    const auto first = convert_pack<C>(load_pack<V>(from + walk.at(thread.begin + thread.slot)[0]));
#pragma unroll
    for (int v = 0; v < kChannels; ++v) shift[v] = first[v];
    int count = 0;
    const auto take = [&](const Pack<S, V>& stored) {
      const auto x = convert_pack<C>(stored);
#pragma unroll
      for (int v = 0; v < V; ++v) {
        const int c = kChannels == 1 ? 0 : v;
        const C d = x[v] - shift[c];
        sum[c] += d;
        squares[c] += d * d;
      }
      count += kPixels;
    };
    int64_t p = thread.begin + thread.slot;
    for (; p + (kPackLoads - 1) * walk.slots < thread.end; p += kPackLoads * walk.slots) {
      Pack<S, V> x[kPackLoads];
#pragma unroll
      for (int u = 0; u < kPackLoads; ++u) x[u] = load_pack<V>(from + walk.at(p + u * walk.slots)[0]);
#pragma unroll
      for (int u = 0; u < kPackLoads; ++u) take(x[u]);
    }
    for (; p < thread.end; p += walk.slots) take(load_pack<V>(from + walk.at(p)[0]));
#pragma unroll
    for (int v = 0; v < kChannels; ++v) {
      const double offset = static_cast<double>(shift[v]) - convert_to<double>(from[v]), s = sum[v];
      result[v] = {s + count * offset, squares[v] + offset * (2 * s + count * offset)};
    }
  }
  store_partial<kChannels>(partial, walk, thread, result);
}

// --- Sums of the gradient -----------------------------------------------------------------------------------------------------------

template <class S, int kPixels, int kChannels> __global__ void __launch_bounds__(kThreads)
    backward_sums_kernel(const S* grad_out, const S* in, ChannelWalk<2> walk, DeviceChannels channels, TwoSums* partial) {
  using C = compute_t<S>;
  constexpr int V = kPixels * kChannels;
  extern __shared__ unsigned char affine_memory[];
  C* const affine_shared = reinterpret_cast<C*>(affine_memory);
  fill_affine<kChannels>(affine_shared, channels, walk);
  const WalkThread thread(walk, blockIdx.x, gridDim.x);
  TwoSums result[kChannels] = {};
  if (thread.active) {
    const Affine<C, kChannels> affine(affine_shared, walk, thread);
    const S* const dy_from = grad_out + thread.channel * walk.channel_steps[0];
    const S* const x_from = in + thread.channel * walk.channel_steps[1];
    C sum[kChannels] = {}, products[kChannels] = {};
    const auto take = [&](const Pack<S, V>& stored_dy, const Pack<S, V>& stored_x) {
      const auto dy = convert_pack<C>(stored_dy), x = convert_pack<C>(stored_x);
#pragma unroll
      for (int v = 0; v < V; ++v) {
        const int c = kChannels == 1 ? 0 : v;
        const C g = channels.relu && affine(x[v], c) <= 0 ? C(0) : dy[v];
        sum[c] += g;
        products[c] += g * (x[v] - affine.mean[c]);
      }
    };
    int64_t p = thread.begin + thread.slot;
    for (; p + (kPackLoads - 1) * walk.slots < thread.end; p += kPackLoads * walk.slots) {
      Pack<S, V> dy[kPackLoads], x[kPackLoads];
#pragma unroll
      for (int u = 0; u < kPackLoads; ++u) {
        const auto at = walk.at(p + u * walk.slots);
        dy[u] = load_pack<V>(dy_from + at[0]);
        x[u] = load_pack<V>(x_from + at[1]);
      }
#pragma unroll
      for (int u = 0; u < kPackLoads; ++u) take(dy[u], x[u]);
    }
    for (; p < thread.end; p += walk.slots) {
      const auto at = walk.at(p);
      take(load_pack<V>(dy_from + at[0]), load_pack<V>(x_from + at[1]));
    }
#pragma unroll
    for (int v = 0; v < kChannels; ++v) result[v] = {static_cast<double>(sum[v]), static_cast<double>(products[v])};
  }
  store_partial<kChannels>(partial, walk, thread, result);
}

// --- The second launch --------------------------------------------------------------------------------------------------------------

constexpr int kCombinedChannels = 8, kCombineSlots = kThreads / kCombinedChannels;

// Calls finish(c, sums) for each channel c.
template <class Finish> __global__ void __launch_bounds__(kThreads)
    combine_kernel(const TwoSums* partial, int64_t channels, int chunks, Finish finish) {
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

// mean and variance from the sums around the channel's first element.
template <class S> struct FinishStatistics {
  void *mean, *var;
  ScalarType mean_dtype, var_dtype;
  const S* in;
  int64_t channel_stride;
  double count;
  __device__ void operator()(int64_t c, const TwoSums& sums) const {
    const double offset = sums.first / count, squares = sums.second - sums.first * offset;
    store_as(mean, mean_dtype, c, convert_to<double>(in[c * channel_stride]) + offset);
    store_as(var, var_dtype, c, squares < 0 ? 0.0 : squares / count);
  }
};

struct FinishSums {
  void *first, *second;
  ScalarType first_dtype, second_dtype;
  __device__ void operator()(int64_t c, const TwoSums& sums) const {
    store_as(first, first_dtype, c, sums.first);
    store_as(second, second_dtype, c, sums.second);
  }
};

// start(partial, grid) launches the first kernel.
template <size_t K, class Start, class Finish>
void reduce_channels(const char* name, const ChannelWalk<K>& walk, int64_t channels, const Start& start, const Finish& finish) {
  const int64_t chunks = walk.chunks(int64_t{multiprocessors()} * 8, 2 * kPackLoads);
  const DeviceScratch<TwoSums> partial(channels * chunks);
  start(partial.data(), dim3(static_cast<unsigned>(chunks), static_cast<unsigned>(walk.groups())));
  launch(name, combine_kernel<Finish>, dim3(static_cast<unsigned>(div_up(channels, kCombinedChannels))), kThreads, 0,
         partial.data(), channels, static_cast<int>(chunks), finish);
}

__global__ void __launch_bounds__(kThreads) update_kernel(View invstd, View running_mean, View running_var, View mean, View var,
                                                          double momentum, double bessel, double eps) {
  const int64_t c = thread_position();
  if (c >= invstd.sizes[0]) return;
  const auto at = [c](const View& v) { return load_as<double>(v.data, v.dtype, c * v.strides[0]); };
  const auto set = [c](const View& v, double value) { store_as(v.data, v.dtype, c * v.strides[0], value); };
  const double variance = at(var);
  set(invstd, 1 / sqrt(variance + eps));
  if (running_mean.data != nullptr) set(running_mean, (1 - momentum) * at(running_mean) + momentum * at(mean));
  if (running_var.data != nullptr) set(running_var, (1 - momentum) * at(running_var) + momentum * bessel * variance);
}

}  // namespace

void batch_norm_statistics(const View& mean, const View& var, const View& input) {
  const int64_t channels = input.sizes[1];
  if (input.numel() == 0) {  // 0 / 0, as the formula says
    fill(mean, FillValue::of(std::numeric_limits<double>::quiet_NaN()));
    return fill(var, FillValue::of(std::numeric_limits<double>::quiet_NaN()));
  }
  dispatch_floating(input.dtype, [&]<class S>() {
    with_channel_walk<S, 1>({&input}, [&]<int kPixels, int kChannels>(const ChannelWalk<1>& walk) {
      const double count = static_cast<double>(input.numel() / channels);
      reduce_channels(
          "batch_norm_statistics_combine", walk, channels,
          [&](TwoSums* partial, dim3 grid) {
            launch("batch_norm_statistics", statistics_kernel<S, kPixels, kChannels>, grid, kThreads, 0, input.as<S>(), walk,
                   partial);
          },
          FinishStatistics<S>{mean.data, var.data, mean.dtype, var.dtype, input.as<S>(), input.strides[1], count});
    });
  });
}

void batch_norm_update(const View& invstd, const View& running_mean, const View& running_var, const View& mean, const View& var,
                       double momentum, double bessel, double eps) {
  launch("batch_norm_update", update_kernel, dim3(static_cast<unsigned>(div_up(invstd.sizes[0], kThreads))), kThreads, 0, invstd,
         running_mean, running_var, mean, var, momentum, bessel, eps);
}

void batch_norm_backward_reduce(const View& sum_dy, const View& sum_dy_xmu, const View& grad_out, const View& input,
                                const BatchNormChannels& channels) {
  if (input.numel() == 0) {
    fill(sum_dy, FillValue::of(0.0));
    return fill(sum_dy_xmu, FillValue::of(0.0));
  }
  dispatch_floating(input.dtype, [&]<class S>() {
    with_channel_walk<S, 2>({&grad_out, &input}, [&]<int kPixels, int kChannels>(const ChannelWalk<2>& walk) {
      reduce_channels(
          "batch_norm_backward_combine", walk, input.sizes[1],
          [&](TwoSums* partial, dim3 grid) {
            launch("batch_norm_backward_sums", backward_sums_kernel<S, kPixels, kChannels>, grid, kThreads,
                   affine_bytes<compute_t<S>, kChannels>(walk), grad_out.as<S>(), input.as<S>(), walk, DeviceChannels(channels),
                   partial);
          },
          FinishSums{sum_dy.data, sum_dy_xmu.data, sum_dy.dtype, sum_dy_xmu.dtype});
    });
  });
}

}  // namespace tessera::kernels::cuda
