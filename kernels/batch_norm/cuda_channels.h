// How the batch normalisation kernels walk over [N, C, H, W] in any memory order. For .cu files.
//
// A thread keeps to one channel, or to one pack of adjacent channels, so that a channel's numbers stay in registers, and goes through
// the pixels. Where packs lie decides the form of the walk:
//   channels  channels-last with whole packs of channels: a pack is 16 bytes, adjacent channels of one pixel
//   pixels    NCHW with whole packs of pixels: a pack is 16 bytes, adjacent pixels of one channel
//   one       anything else: one element at a time
// A block of 256 threads is `lanes` channels (in packs; 1 in NCHW) by `slots` pixels; blockIdx.x is a group of `lanes` channels,
// blockIdx.y a part (chunk) of the pixels. So a warp reads adjacent memory in both orders, and blocks that run together are near each
// other. In channels-last a block takes whole pixels, and of a small tensor 128 bytes of a pixel where the channels can be
// cut so: fewer channels' numbers to fetch.
#pragma once

#include <algorithm>
#include <array>
#include <cstdlib>

#include "kernels/cuda/axes.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/pack.h"

namespace tessera::kernels::cuda {

template <size_t K> struct ChannelWalk {
  int64_t channels = 0, positions = 0;  // of the tensor and of a channel, in packs
  int lanes = 1, slots = kThreads;
  std::array<int64_t, K> channel_steps{};  // elements from one pack of channels to the next
  OffsetCalculator<K> pixels;

  int64_t groups() const { return div_up(channels, lanes); }

  // Parts of the pixels for about `blocks` blocks, with at least `least` positions a thread.
  int64_t chunks(int64_t blocks, int64_t least) const {
    const int64_t most = std::max<int64_t>(1, positions / (int64_t{slots} * least));
    return std::clamp<int64_t>(div_up(blocks, std::max<int64_t>(1, groups())), 1, most);
  }

  // Offsets of a position in each operand, from the channel's first element.
  __device__ std::array<int64_t, K> at(int64_t position) const {
    if (pixels.ndim > 1) return pixels(position);
    std::array<int64_t, K> offsets;
#pragma unroll
    for (size_t k = 0; k < K; ++k) offsets[k] = position * pixels.strides[k][0];
    return offsets;
  }
};

// Calls body.operator()<kPixels, kChannels>(walk) with the widest packs of S that fit all views, whose dtype is S.
template <class S, size_t K, class F> void with_channel_walk(const std::array<const View*, K>& views, F&& body) {
  const MergedAxes<K> axes = merged_axes(views, OtherDims(*views[0], 1, /*row_major=*/false));
  const int64_t channels = views[0]->sizes[1];

  const auto walk_of = [&](int64_t pixel_pack, int64_t channel_pack) {
    ChannelWalk<K> walk;
    walk.channels = channels / channel_pack;
    walk.positions = axes.numel() / pixel_pack;
    for (size_t k = 0; k < K; ++k) walk.channel_steps[k] = views[k]->strides[1] * channel_pack;
    walk.pixels = axes.offsets();
    if (pixel_pack > 1) walk.pixels = walk.pixels.in_packs(pixel_pack);
    const bool channels_inside = std::abs(views[0]->strides[1]) < std::abs(axes.strides[0][0]);
    if (pixel_pack == 1 && (channel_pack > 1 || channels_inside || walk.positions == 1)) {
      const int64_t cut = 128 / 16;
      const bool small = walk.positions * walk.channels < int64_t{multiprocessors()} * 2048 * 8;
      const int64_t widest = small && channel_pack > 1 && walk.channels % cut == 0 ? cut : 64;
      const int64_t groups = std::max<int64_t>(1, div_up(walk.channels, widest));
      walk.lanes = static_cast<int>(std::max<int64_t>(1, div_up(walk.channels, groups)));
      walk.slots = kThreads / walk.lanes;
    }
    return walk;
  };

  if constexpr (sizeof(S) < 8) {
    constexpr int V = kPackSize<S>;
    bool channel_packs = channels % V == 0, pixel_packs = axes.sizes[0] % V == 0;
    for (size_t k = 0; k < K; ++k) {
      const int64_t step = views[k]->strides[1], inner = axes.strides[k][0];
      const auto fits = [&](int64_t pack) {
        return is_aligned(views[k]->data, static_cast<size_t>(pack) * sizeof(S)) && axes.outer_strides_are_multiples(k, pack);
      };
      channel_packs = channel_packs && step == 1 && fits(V) && (axes.sizes[0] == 1 || inner % V == 0);
      pixel_packs = pixel_packs && inner == 1 && fits(V) && (channels == 1 || step % V == 0);
    }
    if (channel_packs) return body.template operator()<1, V>(walk_of(1, V));
    if (pixel_packs) return body.template operator()<V, 1>(walk_of(V, 1));
  }
  body.template operator()<1, 1>(walk_of(1, 1));
}

// The place of a thread in the walk: a pack of channels, and `count` positions from the first one on; none without channels.
struct WalkThread {
  int lane, slot, count;
  int64_t channel, first, step;  // channel in packs

  // Part `chunk` of gridDim.y contiguous parts of the positions, a whole number of slots in all but the last.
  template <size_t K> __device__ static WalkThread part(const ChannelWalk<K>& walk, int64_t chunk) {
    const int64_t part = div_up(div_up(walk.positions, gridDim.y), walk.slots) * walk.slots;
    return WalkThread(walk, part * chunk, walk.slots, part * (chunk + 1));
  }
  // Every gridDim.y-th row of slots, so that the blocks go through the tensor side by side.
  template <size_t K> __device__ static WalkThread interleaved(const ChannelWalk<K>& walk) {
    return WalkThread(walk, int64_t{blockIdx.y} * walk.slots, int64_t{gridDim.y} * walk.slots, walk.positions);
  }

  __device__ int64_t position(int i) const { return first + i * step; }

 private:
  template <size_t K> __device__ WalkThread(const ChannelWalk<K>& walk, int64_t begin, int64_t stride, int64_t end) {
    slot = static_cast<int>(threadIdx.x) / walk.lanes;
    lane = static_cast<int>(threadIdx.x) - slot * walk.lanes;
    channel = int64_t{blockIdx.x} * walk.lanes + lane;
    first = begin + slot;
    step = stride;
    const int64_t stop = min(end, walk.positions);
    count = slot < walk.slots && channel < walk.channels && first < stop ? static_cast<int>(div_up(stop - first, step)) : 0;
  }
};

}  // namespace tessera::kernels::cuda
