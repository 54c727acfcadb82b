// The two sums that the gradient of batch normalisation needs, on CUDA, in two launches (cuda_sums.h).
// Memory traffic: each operand once, plus 16 bytes a channel and block.
#include "kernels/batch_norm/batch_norm.h"
#include "kernels/batch_norm/cuda_sums.h"
#include "kernels/elementwise/elementwise.h"

namespace tessera::kernels::cuda {
namespace {

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

struct FinishSums {
  ChannelOutput sum_dy, sum_dy_xhat;
  DeviceChannel invstd;
  __device__ void operator()(int64_t c, const TwoSums& sums) const {
    sum_dy.set(c, sums.first);
    sum_dy_xhat.set(c, sums.second * invstd.get(c, 1));
  }
};

void clear(const View& sum_dy, const View& sum_dy_xhat) {
  fill(sum_dy, FillValue::of(0.0));
  fill(sum_dy_xhat, FillValue::of(0.0));
}

}  // namespace

void batch_norm_backward_reduce(const View& sum_dy, const View& sum_dy_xhat, const View& grad_out, const View& input,
                                const BatchNormChannels& channels) {
  if (input.numel() == 0) return clear(sum_dy, sum_dy_xhat);
  dispatch_floating(input.dtype, [&]<class S>() {
    with_channel_walk<S, 4, 2>({&grad_out, &input}, [&]<int kPixels, int kChannels>(const ChannelWalk<2>& walk) {
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
    with_channel_walk<S, 4, 4>({&grad_out, &input, &out, &masked}, [&]<int kPixels, int kChannels>(const ChannelWalk<4>& walk) {
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
