// An operand in channels-last order, copied where it is in another one. For .cu files.
#pragma once

#include <optional>

#include "kernels/cuda/launch.h"
#include "kernels/cuda/memory.h"
#include "kernels/elementwise/elementwise.h"

namespace tessera::kernels::cuda {

// Whether the channels of a pixel are adjacent in memory; pixels, rows and pictures may lie apart.
inline bool has_adjacent_channels(const View& v) {
  return (v.sizes[1] == 1 || v.strides[1] == 1) && v.strides[3] >= v.sizes[1] && v.strides[2] >= 0 && v.strides[0] >= 0;
}
// Whether the pixels of a row are adjacent too.
inline bool has_adjacent_pixels(const View& v) {
  return (v.sizes[1] == 1 || v.strides[1] == 1) && (v.sizes[3] == 1 || v.strides[3] == v.sizes[1]);
}

// A channels-last tensor of a view's sizes and type in scratch memory, its pixels padded to `unit` elements.
class ChannelsLastScratch {
 public:
  explicit ChannelsLastScratch(const View& like, int64_t unit = 1)
      : view_(like),
        pitch_(div_up(like.sizes[1], unit) * unit),
        memory_(like.sizes[0] * like.sizes[2] * like.sizes[3] * pitch_ * static_cast<int64_t>(element_size(like.dtype))) {
    view_.data = memory_.data();
    view_.strides[1] = 1, view_.strides[3] = pitch_, view_.strides[2] = like.sizes[3] * pitch_;
    view_.strides[0] = like.sizes[2] * view_.strides[2];
  }
  const View& view() const { return view_; }

 private:
  View view_;
  int64_t pitch_;
  DeviceScratch<unsigned char> memory_;
};

// The operand itself if its channels are adjacent, else a copy in scratch memory.
class ChannelsLastOperand {
 public:
  explicit ChannelsLastOperand(const View& operand) : view_(operand) {
    if (has_adjacent_channels(operand)) return;
    scratch_.emplace(operand);
    copy(scratch_->view(), operand);
    view_ = scratch_->view();
  }
  const View& view() const { return view_; }

 private:
  View view_;
  std::optional<ChannelsLastScratch> scratch_;
};

}  // namespace tessera::kernels::cuda
