// Batch normalisation on CUDA: the passes that write an image, y from x and dx from dy and x.
//
// A thread goes through its share of the packs of its channels (cuda_channels.h), with the channels' numbers in registers. The blocks
// begin at the end of the tensor: what the sums read last is still in the level-2 cache then.
// Memory traffic: each operand once.
#include "kernels/batch_norm/batch_norm.h"
#include "kernels/batch_norm/cuda_affine.h"
#include "kernels/batch_norm/cuda_load_ahead.h"

namespace tessera::kernels::cuda {
namespace {

constexpr int kForwardBlocks = 3, kBackwardBlocks = 2;  // that a multiprocessor shall hold

// kAdd: a residual, the second image, is added before the ReLU.
template <class S, int kPixels, int kChannels, bool kAdd> using ForwardLoads =
    LoadAhead<S, kPixels * kChannels, kAdd ? 2 : 1, kAdd ? 3 : 2>;

template <class S, int kPixels, int kChannels, bool kAdd> __global__ void __launch_bounds__(kThreads, kForwardBlocks)
    forward_kernel(S* out, std::array<const S*, kAdd ? 2 : 1> images, ChannelWalk<kAdd ? 3 : 2> walk, DeviceChannels channels) {
  wait_for_kernel_before();
  using C = compute_t<S>;
  constexpr int V = kPixels * kChannels;
  extern __shared__ __align__(16) unsigned char block_memory[];
  const auto thread = WalkThread::part(walk, gridDim.y - 1 - blockIdx.y);
  ForwardLoads<S, kPixels, kChannels, kAdd> loads(block_memory, walk, thread, images);
  loads.start();
  C* const shared = reinterpret_cast<C*>(block_memory + loads.kRingBytes);  // the numbers of the channels, behind the ring
  fill_affine<kChannels>(shared, channels, walk);
  const Affine<C, kChannels> affine(shared, walk, thread);
  S* const to = out + thread.channel * walk.channel_steps[0];
  loads.run([&](const Pack<S, V>(&packs)[kAdd ? 2 : 1], int64_t place) {
    auto y = convert_pack<C>(packs[0]);
    [[maybe_unused]] Pack<C, V> other;
    if constexpr (kAdd) other = convert_pack<C>(packs[1]);
#pragma unroll
    for (int v = 0; v < V; ++v) {
      y[v] = affine(y[v], kChannels == 1 ? 0 : v);
      if constexpr (kAdd) y[v] += other[v];
      if ((kAdd || channels.relu) && y[v] < 0) y[v] = 0;
    }
    store_pack(to + place, convert_pack<S>(y));
  });
}

// dx = (dy - constant - (x - mean) * slope) * scale; evaluation: dy * scale.
template <class S, int kPixels, int kChannels> __global__ void __launch_bounds__(kThreads, kBackwardBlocks)
    backward_kernel(S* grad_in, const S* grad_out, const S* in, ChannelWalk<3> walk, DeviceChannels channels,
                    DeviceChannel sum_dy, DeviceChannel sum_dy_xhat, double count, bool training) {
  wait_for_kernel_before();
  using C = compute_t<S>;
  constexpr int V = kPixels * kChannels;
  extern __shared__ __align__(16) unsigned char block_memory[];
  const auto thread = WalkThread::part(walk, gridDim.y - 1 - blockIdx.y);
  LoadAhead<S, V, 2, 3> loads(block_memory, walk, thread, {grad_out, in});
  loads.start();
  C* const shared = reinterpret_cast<C*>(block_memory + loads.kRingBytes);  // the numbers of the channels, behind the ring
  fill_affine<kChannels>(shared, channels, walk, [&]<bool kFloat>(int64_t c, int i) {
    const int row = walk.lanes * kChannels;
    const double dy = sum_dy.get<kFloat>(c), dy_xhat = sum_dy_xhat.get<kFloat>(c), invstd = channels.invstd.get<kFloat>(c, 1);
    shared[3 * row + i] = static_cast<C>(dy / count);
    shared[4 * row + i] = static_cast<C>(invstd * dy_xhat / count);
  });
  const Affine<C, kChannels> affine(shared, walk, thread);
  C constant[kChannels], slope[kChannels];
  affine.read_row(constant, shared, walk, thread, 3);
  affine.read_row(slope, shared, walk, thread, 4);
  S* const to = grad_in + thread.channel * walk.channel_steps[0];
  loads.run([&](const Pack<S, V>(&packs)[2], int64_t place) {
    auto g = convert_pack<C>(packs[0]);
    const auto x = convert_pack<C>(packs[1]);
#pragma unroll
    for (int v = 0; v < V; ++v) {
      const int c = kChannels == 1 ? 0 : v;
      if (channels.relu && affine(x[v], c) <= 0) g[v] = 0;
      if (training) g[v] -= constant[c] + (x[v] - affine.mean[c]) * slope[c];
      g[v] *= affine.scale[c];
    }
    store_pack(to + place, convert_pack<S>(g));
  });
}

// Blocks of 16 packs a thread; of fewer where the device would not be full twice over.
template <size_t K> dim3 image_grid(const ChannelWalk<K>& walk) {
  const int64_t full = walk.chunks(int64_t{multiprocessors()} * kForwardBlocks * 2, 1);
  const int64_t chunks = std::max(full, walk.positions / (walk.slots * 16));
  return dim3(static_cast<unsigned>(walk.groups()), static_cast<unsigned>(std::min<int64_t>(chunks, 65535)));
}

}  // namespace

void batch_norm_forward(const View& out, const View& input, const BatchNormChannels& channels) {
  if (out.numel() == 0) return;
  dispatch_floating(input.dtype, [&]<class S>() {
    with_channel_walk<S, 2>({&out, &input}, [&]<int kPixels, int kChannels>(const ChannelWalk<2>& walk) {
      launch("batch_norm_forward", forward_kernel<S, kPixels, kChannels, false>, image_grid(walk), kThreads,
             ForwardLoads<S, kPixels, kChannels, false>::kRingBytes + affine_bytes<compute_t<S>, kChannels>(walk), out.as<S>(),
             std::array<const S*, 1>{input.as<S>()}, walk, DeviceChannels(channels));
    });
  });
}

void batch_norm_add_relu_forward(const View& out, const View& input, const View& residual, const BatchNormChannels& channels) {
  if (out.numel() == 0) return;
  dispatch_floating(input.dtype, [&]<class S>() {
    with_channel_walk<S, 3>({&out, &input, &residual}, [&]<int kPixels, int kChannels>(const ChannelWalk<3>& walk) {
      launch("batch_norm_add_relu", forward_kernel<S, kPixels, kChannels, true>, image_grid(walk), kThreads,
             ForwardLoads<S, kPixels, kChannels, true>::kRingBytes + affine_bytes<compute_t<S>, kChannels>(walk), out.as<S>(),
             std::array<const S*, 2>{input.as<S>(), residual.as<S>()}, walk, DeviceChannels(channels));
    });
  });
}

void batch_norm_backward(const View& grad_input, const View& grad_out, const View& input, const BatchNormChannels& channels,
                         const View& sum_dy, const View& sum_dy_xhat, bool training) {
  if (grad_input.numel() == 0) return;
  const double count = static_cast<double>(input.numel() / input.sizes[1]);
  const DeviceChannel first(training ? sum_dy : View{}), second(training ? sum_dy_xhat : View{});
  DeviceChannels per_channel(channels);
  per_channel.floats = per_channel.floats && first.is_float() && second.is_float();
  dispatch_floating(input.dtype, [&]<class S>() {
    with_channel_walk<S, 3>({&grad_input, &grad_out, &input}, [&]<int kPixels, int kChannels>(const ChannelWalk<3>& walk) {
      launch("batch_norm_backward", backward_kernel<S, kPixels, kChannels>, image_grid(walk), kThreads,
             LoadAhead<S, kPixels * kChannels, 2, 3>::kRingBytes + affine_bytes<compute_t<S>, kChannels>(walk, kGradientRows),
             grad_input.as<S>(), grad_out.as<S>(), input.as<S>(), walk, per_channel, first, second, count, training);
    });
  });
}

}  // namespace tessera::kernels::cuda
