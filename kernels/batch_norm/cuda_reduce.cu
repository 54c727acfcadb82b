// The two sums that the gradient of batch normalisation needs, on CUDA, in two launches (cuda_sums.h).
// Memory traffic: each operand once, plus 16 bytes a channel and block.
#include "kernels/batch_norm/batch_norm.h"
#include "kernels/batch_norm/cuda_sums.h"
#include "kernels/elementwise/elementwise.h"

namespace tessera::kernels::cuda {
namespace {

// Where dy counts: everywhere, where y recomputed from x is not <= 0, or where the output, which is read, is not; what counts is then
// written to `masked`.
enum class Mask : uint8_t { None, Recomputed, Output };

template <Mask kMask> struct MaskTraits {
  static constexpr int kReads = kMask == Mask::Output ? 3 : 2, kOperands = kMask == Mask::Output ? 4 : 2;
  static constexpr int kBlocks = kMask == Mask::None ? 3 : 2;  // that a multiprocessor holds: masks take registers
  using Walk = ChannelWalk<kOperands>;
  template <class S, int V> using Loads = LoadAhead<S, V, kReads, kOperands>;
};

template <class S, int kPixels, int kChannels, Mask kMask> __global__ void __launch_bounds__(kThreads, MaskTraits<kMask>::kBlocks)
    backward_sums_kernel(S* masked, std::array<const S*, MaskTraits<kMask>::kReads> images, typename MaskTraits<kMask>::Walk walk,
                         DeviceChannels channels, TwoSums* partial) {
  wait_for_kernel_before();
  using C = compute_t<S>;
  constexpr int V = kPixels * kChannels;
  extern __shared__ __align__(16) unsigned char block_memory[];
  const auto thread = WalkThread::interleaved(walk);
  typename MaskTraits<kMask>::template Loads<S, V> loads(block_memory, walk, thread, images);
  loads.start();
  C* const affine_shared = reinterpret_cast<C*>(block_memory + loads.kRingBytes);
  fill_affine<kChannels>(affine_shared, channels, walk);
  const Affine<C, kChannels> affine(affine_shared, walk, thread);
  S* const masked_to = kMask == Mask::Output ? masked + thread.channel * walk.channel_steps[0] : nullptr;
  C sum[kChannels] = {}, products[kChannels] = {};
  loads.run([&](Pack<S, V>(&packs)[MaskTraits<kMask>::kReads], int64_t place) {  // dy, x and perhaps y
    const auto x = convert_pack<C>(packs[1]);
    if constexpr (kMask == Mask::Output) {
      const auto y = convert_pack<C>(packs[2]);
#pragma unroll
      for (int v = 0; v < V; ++v)
        if (y[v] <= 0) packs[0][v] = convert_to<S>(C(0));
      store_pack(masked_to + place, packs[0]);
    }
    auto g = convert_pack<C>(packs[0]);
#pragma unroll
    for (int v = 0; v < V; ++v) {
      const int c = kChannels == 1 ? 0 : v;
      if (kMask == Mask::Recomputed && affine(x[v], c) <= 0) g[v] = 0;
      sum[c] += g[v];
      products[c] += g[v] * (x[v] - affine.mean[c]);
    }
  });
  store_partial<kChannels>(partial, block_memory, walk, [&](int v) {
    return TwoSums{static_cast<double>(sum[v]), static_cast<double>(products[v])};
  });
}

struct FinishSums {
  ChannelOutput sum_dy, sum_dy_xhat;
  DeviceChannel invstd;
  __device__ void operator()(int64_t c, const TwoSums& sums) const {
    sum_dy.set(c, sums.first);
    sum_dy_xhat.set(c, sums.second * invstd.get(c, 1));
  }
};

// views: what a walk of this mask goes through.
template <Mask kMask> void run_sums(const View& sum_dy, const View& sum_dy_xhat,
                                    const std::array<const View*, MaskTraits<kMask>::kOperands>& views,
                                    const BatchNormChannels& channels) {
  const View& input = *views[kMask == Mask::Output ? 2 : 1];
  if (input.numel() == 0) {
    for (const View* sum : {&sum_dy, &sum_dy_xhat}) fill(*sum, FillValue::of(0.0));
    return;
  }
  dispatch_floating(input.dtype, [&]<class S>() {
    with_channel_walk<S>(views, [&]<int kPixels, int kChannels>(const typename MaskTraits<kMask>::Walk& walk) {
      constexpr size_t kRing = MaskTraits<kMask>::template Loads<S, kPixels * kChannels>::kRingBytes;
      std::array<const S*, MaskTraits<kMask>::kReads> images;
      for (size_t n = 0; n < images.size(); ++n) images[n] = views[views.size() - images.size() + n]->template as<S>();
      reduce_channels(
          "batch_norm_backward_combine", walk, input.sizes[1], MaskTraits<kMask>::kBlocks,
          [&](TwoSums* partial, dim3 grid) {
            launch("batch_norm_backward_sums", backward_sums_kernel<S, kPixels, kChannels, kMask>, grid, kThreads,
                   sums_bytes<kChannels>(kRing + affine_bytes<compute_t<S>, kChannels>(walk)),
                   kMask == Mask::Output ? views[0]->template as<S>() : nullptr, images, walk, DeviceChannels(channels), partial);
          },
          FinishSums{ChannelOutput(sum_dy), ChannelOutput(sum_dy_xhat), DeviceChannel(channels.invstd)});
    });
  });
}

}  // namespace

void batch_norm_backward_reduce(const View& sum_dy, const View& sum_dy_xhat, const View& grad_out, const View& input,
                                const BatchNormChannels& channels) {
  if (channels.relu)
    run_sums<Mask::Recomputed>(sum_dy, sum_dy_xhat, {&grad_out, &input}, channels);
  else
    run_sums<Mask::None>(sum_dy, sum_dy_xhat, {&grad_out, &input}, channels);
}

void batch_norm_add_relu_reduce(const View& sum_dy, const View& sum_dy_xhat, const View& masked, const View& grad_out,
                                const View& out, const View& input, const BatchNormChannels& channels) {
  run_sums<Mask::Output>(sum_dy, sum_dy_xhat, {&masked, &grad_out, &input, &out}, channels);
}

}  // namespace tessera::kernels::cuda
