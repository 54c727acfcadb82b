// How the batch normalisation kernels walk over [N, C, H, W] in any memory order. For .cu files.
//
// A thread keeps to one channel, or to one pack of adjacent channels, so that a channel's numbers stay in registers, and goes through
// the pixels. Where packs lie decides the form of the walk:
//   channels  channels-last with whole packs of channels: a pack is kMost or fewer channels of one pixel
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

inline constexpr int kPackLoads = 4;  // packs of each operand that a thread reads before it uses the first
// Blocks that a multiprocessor shall hold.
template <class S> inline constexpr int kWalkBlocks = sizeof(S) == 2 ? 3 : 2;

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

// Calls body.operator()<kPixels, kChannels>(walk) with the widest packs of S that fit all views, whose dtype is S. kMost: channels of a
// pack at most. Sums take 4 where 16 bytes hold 8, because two sums and the numbers of 8 channels fill the registers; what is written
// goes in 16 bytes.
template <class S, int kMost, size_t K, class F> void with_channel_walk(const std::array<const View*, K>& views, F&& body) {
  const MergedAxes<K> axes = merged_axes(views, OtherDims(*views[0], 1, /*row_major=*/false));
  const int64_t channels = views[0]->sizes[1];
  constexpr int kChannelPack = std::min(kPackSize<S>, kMost);

  const auto walk_of = [&](int64_t pixel_pack, int64_t channel_pack) {
    ChannelWalk<K> walk;
    walk.channels = channels / channel_pack;
    walk.positions = axes.numel() / pixel_pack;
    for (size_t k = 0; k < K; ++k) walk.channel_steps[k] = views[k]->strides[1] * channel_pack;
    walk.pixels = axes.offsets();
    if (pixel_pack > 1) walk.pixels = walk.pixels.in_packs(pixel_pack);
    const bool channels_inside = std::abs(views[0]->strides[1]) < std::abs(axes.strides[0][0]);
    if (pixel_pack == 1 && (channel_pack > 1 || channels_inside || walk.positions == 1)) {
      const int64_t cut = 128 / (kChannelPack * sizeof(S));
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
    bool channel_packs = channels % kChannelPack == 0, pixel_packs = axes.sizes[0] % V == 0;
    for (size_t k = 0; k < K; ++k) {
      const int64_t step = views[k]->strides[1], inner = axes.strides[k][0];
      const auto fits = [&](int64_t pack) {
        return is_aligned(views[k]->data, static_cast<size_t>(pack) * sizeof(S)) && axes.outer_strides_are_multiples(k, pack);
      };
      channel_packs = channel_packs && step == 1 && fits(kChannelPack) && (axes.sizes[0] == 1 || inner % kChannelPack == 0);
      pixel_packs = pixel_packs && inner == 1 && fits(V) && (channels == 1 || step % V == 0);
    }
    if (channel_packs) return body.template operator()<1, kChannelPack>(walk_of(1, kChannelPack));
    if (pixel_packs) return body.template operator()<V, 1>(walk_of(V, 1));
  }
  body.template operator()<1, 1>(walk_of(1, 1));
}

// The place of a thread in the walk.
struct WalkThread {
  int lane, slot;
  int64_t channel, begin, end;  // channel in packs; the positions of the block, a whole number of slots in all but the last
  bool active;                  // whether the thread has a channel

  // The block does part `chunk` of gridDim.y parts.
  template <size_t K> __device__ WalkThread(const ChannelWalk<K>& walk, int64_t chunk) {
    slot = static_cast<int>(threadIdx.x) / walk.lanes;
    lane = static_cast<int>(threadIdx.x) - slot * walk.lanes;
    channel = int64_t{blockIdx.x} * walk.lanes + lane;
    const int64_t part = div_up(div_up(walk.positions, gridDim.y), walk.slots) * walk.slots;
    begin = min(part * chunk, walk.positions);
    end = min(begin + part, walk.positions);
    active = slot < walk.slots && channel < walk.channels;
  }
};

}  // namespace tessera::kernels::cuda
