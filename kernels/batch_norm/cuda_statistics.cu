// The statistics of batch normalisation on CUDA, and what a training step makes of them, in two launches (cuda_sums.h): the second one
// updates the running estimates too.
// Memory traffic: the input once, plus 16 bytes a channel and block.
#include <limits>

#include "kernels/batch_norm/batch_norm.h"
#include "kernels/batch_norm/cuda_sums.h"
#include "kernels/elementwise/elementwise.h"

namespace tessera::kernels::cuda {
namespace {

constexpr int kStatisticsBlocks = 3;  // that a multiprocessor holds

// A thread sums x - s and (x - s)^2 with s its first value of the channel: those of its values that differ little from each other
// lose nothing, however far from 0 they are. In float64 the sums are then moved to a value that all threads share, the channel's
// first: sum(x - o) = sum(x - s) + n (s - o), and likewise the squares.
template <class S, int kPixels, int kChannels> __global__ void __launch_bounds__(kThreads, kStatisticsBlocks)
    statistics_kernel(const S* in, ChannelWalk<1> walk, TwoSums* partial) {
  wait_for_kernel_before();
  using C = compute_t<S>;
  constexpr int V = kPixels * kChannels;
  extern __shared__ __align__(16) unsigned char block_memory[];
  const auto thread = WalkThread::interleaved(walk);
  LoadAhead<S, V, 1, 1> loads(block_memory, walk, thread, {in});
  loads.start();
  const S* const origin = in + thread.channel * walk.channel_steps[0];
  C shift[kChannels] = {}, sum[kChannels] = {}, squares[kChannels] = {};
  if (thread.count > 0) {
    const auto first = convert_pack<C>(load_pack<V>(origin + walk.at(thread.first)[0]));
#pragma unroll
    for (int v = 0; v < kChannels; ++v) shift[v] = first[v];
  }
  loads.run([&](const Pack<S, V>(&stored)[1], int64_t) {
    const auto x = convert_pack<C>(stored[0]);
#pragma unroll
    for (int v = 0; v < V; ++v) {
      const int c = kChannels == 1 ? 0 : v;
      const C d = x[v] - shift[c];
      sum[c] += d;
      squares[c] += d * d;
    }
  });
  const int count = thread.count * kPixels;
  store_partial<kChannels>(partial, block_memory, walk, [&](int v) {
    if (count == 0) return TwoSums{};
    const double offset = static_cast<double>(shift[v]) - convert_to<double>(origin[v]), s = sum[v];
    return TwoSums{s + count * offset, squares[v] + offset * (2 * s + count * offset)};
  });
}

// What becomes of the statistics of a channel.
struct StoreStatistics {
  ChannelOutput mean, var;
  __device__ void operator()(int64_t c, double m, double v) const {
    mean.set(c, m);
    var.set(c, v);
  }
};

struct UpdateEstimates {
  ChannelOutput mean, invstd, running_mean, running_var;
  double momentum, bessel, eps;
  __device__ void operator()(int64_t c, double m, double v) const {
    mean.set(c, m);
    invstd.set(c, 1 / sqrt(v + eps));
    running_mean.approach(c, m, momentum);
    running_var.approach(c, bessel * v, momentum);
  }
};

// mean and variance from the sums around the channel's first element.
template <class S, class Store> struct FinishStatistics {
  const S* in;
  int64_t channel_stride;
  double count;
  Store store;
  __device__ void operator()(int64_t c, const TwoSums& sums) const {
    const double offset = sums.first / count, squares = sums.second - sums.first * offset;
    store(c, convert_to<double>(in[c * channel_stride]) + offset, squares < 0 ? 0.0 : squares / count);
  }
};

__global__ void __launch_bounds__(kThreads)
    update_kernel(UpdateEstimates update, DeviceChannel batch_mean, DeviceChannel batch_var, int64_t channels) {
  wait_for_kernel_before();
  const int64_t c = thread_position();
  if (c < channels) update(c, batch_mean.get(c), batch_var.get(c));
}

template <class Store> void run_statistics(const View& input, const Store& store) {
  const int64_t channels = input.sizes[1];
  dispatch_floating(input.dtype, [&]<class S>() {
    with_channel_walk<S, 1>({&input}, [&]<int kPixels, int kChannels>(const ChannelWalk<1>& walk) {
      reduce_channels(
          "batch_norm_statistics_combine", walk, channels, kStatisticsBlocks,
          [&](TwoSums* partial, dim3 grid) {
            launch("batch_norm_statistics", statistics_kernel<S, kPixels, kChannels>, grid, kThreads,
                   sums_bytes<kChannels>(LoadAhead<S, kPixels * kChannels, 1, 1>::kRingBytes), input.as<S>(), walk, partial);
          },
          FinishStatistics<S, Store>{input.as<S>(), input.strides[1], static_cast<double>(input.numel() / channels), store});
    });
  });
}

}  // namespace

void batch_norm_statistics(const View& mean, const View& var, const View& input) {
  if (input.numel() > 0) return run_statistics(input, StoreStatistics{ChannelOutput(mean), ChannelOutput(var)});
  for (const View* view : {&mean, &var}) fill(*view, FillValue::of(std::numeric_limits<double>::quiet_NaN()));  // 0 / 0
}

void batch_norm_update(const View& invstd, const View& running_mean, const View& running_var, const View& mean, const View& var,
                       double momentum, double bessel, double eps) {
  const int64_t channels = invstd.sizes[0];
  const UpdateEstimates update{ChannelOutput(View{}),
                               ChannelOutput(invstd),
                               ChannelOutput(running_mean),
                               ChannelOutput(running_var),
                               momentum,
                               bessel,
                               eps};
  launch("batch_norm_update", update_kernel, dim3(static_cast<unsigned>(div_up(channels, kThreads))), kThreads, 0, update,
         DeviceChannel(mean), DeviceChannel(var), channels);
}

void batch_norm_training_statistics(const View& mean, const View& invstd, const View& running_mean, const View& running_var,
                                    const View& input, double momentum, double bessel, double eps) {
  if (input.numel() > 0)
    return run_statistics(input, UpdateEstimates{ChannelOutput(mean), ChannelOutput(invstd), ChannelOutput(running_mean),
                                                 ChannelOutput(running_var), momentum, bessel, eps});
  batch_norm_statistics(mean, invstd, input);
  batch_norm_update(invstd, running_mean, running_var, mean, invstd, momentum, bessel, eps);
}

}  // namespace tessera::kernels::cuda
