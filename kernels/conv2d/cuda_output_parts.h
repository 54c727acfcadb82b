// A convolution's sum cut into parts, where its output has too few tiles for the device: small pictures with many channels. For .cu files.
#pragma once

#include "kernels/conv2d/cuda_channels_last.h"

namespace tessera::kernels::cuda {

inline constexpr double kAddPartsUs = 3;  // what the second launch takes at least

// The parts' outputs: float32 in scratch memory, channels-last without gaps, as `count` times as many pictures. The kernel that computes
// part q of picture n writes picture q * N + n, every element of it, without bias.
class OutputParts {
 public:
  OutputParts(const View& out, int count);  // out: [N, C, H, W]
  const View& view() const { return scratch_.view(); }
  // out = the parts, added in order in float32, + bias, rounded once. `out` is channels-last; its rows have no gaps.
  void add(const View& out, const View* bias) const;

 private:
  int count_;
  ChannelsLastScratch scratch_;
};

}  // namespace tessera::kernels::cuda
