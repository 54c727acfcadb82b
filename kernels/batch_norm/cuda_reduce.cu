// The sums of batch normalisation on CUDA: statistics of the input, and the two sums that the gradient needs.
//
// Two launches. In the first a thread sums its pixels (cuda_channels.h) in float32, float64 for float64 inputs; the slots of a block
// meet in shared memory in float64, and each block leaves one partial result a channel. The second launch adds these up:
// a block takes 8 channels, 32 threads each. The order depends on the shape and the GPU model alone.
// Memory traffic: each operand once, plus 16 bytes a channel and block.
#include <limits>

#include "kernels/batch_norm/batch_norm.h"
#include "kernels/batch_norm/cuda_affine.h"
#include "kernels/cuda/memory.h"
#include "kernels/cuda/reduce.h"
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

// The partial results of a block, for each channel of its lanes: the sum of mine[v] over the slots.
//   one lane (NCHW)  a block reduction
//   else             all values go to shared memory, [v][slot][lane]; `parts` threads a channel sum an equal share of the slots each,
//                    then one of them sums the shares: three barriers, however many channels
template <int kChannels, size_t K>
__device__ inline void store_partial(TwoSums* partial, const ChannelWalk<K>& walk, const TwoSums (&mine)[kChannels]) {
  __shared__ TwoSums shared[kThreads * kChannels];
  const int lanes = walk.lanes, channels = lanes * kChannels, parts = max(1, kThreads / channels);
  TwoSums* const to = partial + (int64_t{blockIdx.y} * walk.channels + int64_t{blockIdx.x} * lanes) * kChannels;
  if (kChannels == 1 && lanes == 1) {
    double* const scratch = reinterpret_cast<double*>(shared);
    const double first = block_reduce(mine[0].first, scratch), second = block_reduce(mine[0].second, scratch);
    if (threadIdx.x == 0) *to = {first, second};
    return;
  }
#pragma unroll
  for (int v = 0; v < kChannels; ++v) shared[v * kThreads + threadIdx.x] = mine[v];
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

// --- Statistics ---------------------------------------------------------------------------------------------------------------------

// A thread sums x - s and (x - s)^2 with s its first value of the channel: those of its values that differ little from each other
// lose nothing, however far from 0 they are. In float64 the sums are then moved to a value that all threads share, the channel's
// first: sum(x - o) = sum(x - s) + n (s - o), and likewise the squares.
template <class S, int kPixels, int kChannels> __global__ void __launch_bounds__(kThreads, kWalkBlocks<S>)
    statistics_kernel(const S* in, ChannelWalk<1> walk, TwoSums* partial) {
  using C = compute_t<S>;
  constexpr int V = kPixels * kChannels, kLoads = 8;  // one operand only: more of it in flight
  const WalkThread thread(walk, blockIdx.y);
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
    for (; p + (kLoads - 1) * walk.slots < thread.end; p += kLoads * walk.slots) {
      Pack<S, V> x[kLoads];
#pragma unroll
      for (int u = 0; u < kLoads; ++u) x[u] = load_pack<V>(from + walk.at(p + u * walk.slots)[0]);
#pragma unroll
      for (int u = 0; u < kLoads; ++u) take(x[u]);
    }
    for (; p < thread.end; p += walk.slots) take(load_pack<V>(from + walk.at(p)[0]));
#pragma unroll
    for (int v = 0; v < kChannels; ++v) {
      const double offset = static_cast<double>(shift[v]) - convert_to<double>(from[v]), s = sum[v];
      result[v] = {s + count * offset, squares[v] + offset * (2 * s + count * offset)};
    }
  }
  store_partial<kChannels>(partial, walk, result);
}

// --- Sums of the gradient -----------------------------------------------------------------------------------------------------------

// kMasked: the ReLU comes after a sum, so its mask is read off the output, and what passes it is written to `masked`.
template <class S, int kPixels, int kChannels, bool kMasked> __global__ void __launch_bounds__(kThreads, kWalkBlocks<S>)
    backward_sums_kernel(const S* grad_out, const S* in, const S* out, S* masked, ChannelWalk<kMasked ? 4 : 2> walk,
                         DeviceChannels channels, TwoSums* partial) {
  using C = compute_t<S>;
  constexpr int V = kPixels * kChannels, kLoads = kPackLoads;
  extern __shared__ unsigned char affine_memory[];
  C* const affine_shared = reinterpret_cast<C*>(affine_memory);
  fill_affine<kChannels>(affine_shared, channels, walk);
  const WalkThread thread(walk, blockIdx.y);
  TwoSums result[kChannels] = {};
  if (thread.active) {
    const Affine<C, kChannels> affine(affine_shared, walk, thread);
    const auto channel_of = [&](auto* image, int k) { return image + thread.channel * walk.channel_steps[k]; };
    const S *const dy_from = channel_of(grad_out, 0), *const x_from = channel_of(in, 1);
    const S* const out_from = kMasked ? channel_of(out, kMasked ? 2 : 0) : nullptr;
    S* const masked_to = kMasked ? channel_of(masked, kMasked ? 3 : 0) : nullptr;
    C sum[kChannels] = {}, products[kChannels] = {};
    const auto add = [&](const Pack<C, V>& g, const Pack<C, V>& x) {
#pragma unroll
      for (int v = 0; v < V; ++v) {
        const int c = kChannels == 1 ? 0 : v;
        sum[c] += g[v];
        products[c] += g[v] * (x[v] - affine.mean[c]);
      }
    };
    // Positions p, p + slots, ... below the end; the loads of all come before the first use.
    const auto take = [&]<int kCount>(int64_t p) {
      Pack<S, V> dy[kCount], x[kCount], y[kMasked ? kCount : 1];
      [[maybe_unused]] int64_t places[kCount];
#pragma unroll
      for (int u = 0; u < kCount; ++u) {
        const auto at = walk.at(p + u * walk.slots);
        dy[u] = load_pack<V>(dy_from + at[0]);
        x[u] = load_pack<V>(x_from + at[1]);
        if constexpr (kMasked) {
          y[u] = load_pack<V>(out_from + at[2]);
          places[u] = at[3];
        }
      }
#pragma unroll
      for (int u = 0; u < kCount; ++u) {
        const auto values = convert_pack<C>(x[u]);
        if constexpr (kMasked) {
          const auto outputs = convert_pack<C>(y[u]);
#pragma unroll
          for (int v = 0; v < V; ++v)
            if (outputs[v] <= 0) dy[u][v] = convert_to<S>(C(0));
          store_pack(masked_to + places[u], dy[u]);
        }
        auto g = convert_pack<C>(dy[u]);
        if (!kMasked && channels.relu) {
#pragma unroll
          for (int v = 0; v < V; ++v)
            if (affine(values[v], kChannels == 1 ? 0 : v) <= 0) g[v] = 0;
        }
        add(g, values);
      }
    };
    int64_t p = thread.begin + thread.slot;
    for (; p + (kLoads - 1) * walk.slots < thread.end; p += kLoads * walk.slots) take.template operator()<kLoads>(p);
    for (; p < thread.end; p += walk.slots) take.template operator()<1>(p);
#pragma unroll
    for (int v = 0; v < kChannels; ++v) result[v] = {static_cast<double>(sum[v]), static_cast<double>(products[v])};
  }
  store_partial<kChannels>(partial, walk, result);
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

struct FinishSums {
  ChannelOutput sum_dy, sum_dy_xhat;
  DeviceChannel invstd;
  __device__ void operator()(int64_t c, const TwoSums& sums) const {
    sum_dy.set(c, sums.first);
    sum_dy_xhat.set(c, sums.second * invstd.get(c, 1));
  }
};

// start(partial, grid) launches the first kernel.
template <size_t K, class Start, class Finish>
void reduce_channels(const char* name, const ChannelWalk<K>& walk, int64_t channels, const Start& start, const Finish& finish) {
  const int64_t chunks = walk.chunks(int64_t{multiprocessors()} * 6, 2 * kPackLoads);
  const DeviceScratch<TwoSums> partial(channels * chunks);
  start(partial.data(), dim3(static_cast<unsigned>(walk.groups()), static_cast<unsigned>(chunks)));
  launch(name, combine_kernel<Finish>, dim3(static_cast<unsigned>(div_up(channels, kCombinedChannels))), kThreads, 0,
         partial.data(), channels, static_cast<int>(chunks), finish);
}

void clear(const View& sum_dy, const View& sum_dy_xhat) {
  fill(sum_dy, FillValue::of(0.0));
  fill(sum_dy_xhat, FillValue::of(0.0));
}

__global__ void __launch_bounds__(kThreads)
    update_kernel(UpdateEstimates update, DeviceChannel batch_mean, DeviceChannel batch_var, int64_t channels) {
  const int64_t c = thread_position();
  if (c < channels) update(c, batch_mean.get(c), batch_var.get(c));
}

template <class Store> void run_statistics(const View& input, const Store& store) {
  const int64_t channels = input.sizes[1];
  dispatch_floating(input.dtype, [&]<class S>() {
    with_channel_walk<S, 1>({&input}, [&]<int kPixels, int kChannels>(const ChannelWalk<1>& walk) {
      reduce_channels(
          "batch_norm_statistics_combine", walk, channels,
          [&](TwoSums* partial, dim3 grid) {
            launch("batch_norm_statistics", statistics_kernel<S, kPixels, kChannels>, grid, kThreads, 0, input.as<S>(), walk,
                   partial);
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

void batch_norm_backward_reduce(const View& sum_dy, const View& sum_dy_xhat, const View& grad_out, const View& input,
                                const BatchNormChannels& channels) {
  if (input.numel() == 0) return clear(sum_dy, sum_dy_xhat);
  dispatch_floating(input.dtype, [&]<class S>() {
    with_channel_walk<S, 2>({&grad_out, &input}, [&]<int kPixels, int kChannels>(const ChannelWalk<2>& walk) {
      reduce_channels(
          "batch_norm_backward_combine", walk, input.sizes[1],
          [&](TwoSums* partial, dim3 grid) {
            launch("batch_norm_backward_sums", backward_sums_kernel<S, kPixels, kChannels, false>, grid, kThreads,
                   affine_bytes<compute_t<S>, kChannels>(walk), grad_out.as<S>(), input.as<S>(), nullptr, nullptr, walk,
                   DeviceChannels(channels), partial);
          },
          FinishSums{ChannelOutput(sum_dy), ChannelOutput(sum_dy_xhat), DeviceChannel(channels.invstd)});
    });
  });
}

void batch_norm_add_relu_reduce(const View& sum_dy, const View& sum_dy_xhat, const View& masked, const View& grad_out,
                                const View& out, const View& input, const BatchNormChannels& channels) {
  if (input.numel() == 0) return clear(sum_dy, sum_dy_xhat);
  dispatch_floating(input.dtype, [&]<class S>() {
    with_channel_walk<S, 4>({&grad_out, &input, &out, &masked}, [&]<int kPixels, int kChannels>(const ChannelWalk<4>& walk) {
      reduce_channels(
          "batch_norm_backward_combine", walk, input.sizes[1],
          [&](TwoSums* partial, dim3 grid) {
            launch("batch_norm_add_relu_sums", backward_sums_kernel<S, kPixels, kChannels, true>, grid, kThreads,
                   affine_bytes<compute_t<S>, kChannels>(walk), grad_out.as<S>(), input.as<S>(), out.as<S>(), masked.as<S>(),
                   walk, DeviceChannels(channels), partial);
          },
          FinishSums{ChannelOutput(sum_dy), ChannelOutput(sum_dy_xhat), DeviceChannel(channels.invstd)});
    });
  });
}

}  // namespace tessera::kernels::cuda
