// A dense batch of images seen as planes: one loop nest for both memory orders.
#pragma once

#include <initializer_list>
#include <optional>

#include "kernels/view.h"

namespace tessera::kernels {

// A dense 4-d view [N, C, H, W] as `count` planes of H x W pixels of `channels` adjacent values:
//   channels-last   count = N,     channels = C
//   NCHW            count = N * C, channels = 1
// Element (plane, h, w, c) lies at ((plane * H + h) * W + w) * channels + c.
struct Planes {
  int64_t count = 0, channels = 0;
};

// The planes that all the views share (same N and C), or nothing where one has gaps or they differ in memory order.
inline std::optional<Planes> common_planes(std::initializer_list<const View*> views) {
  bool channels_last = true, contiguous = true;
  for (const View* view : views) {
    channels_last = channels_last && view->is_channels_last();
    contiguous = contiguous && view->is_contiguous();
  }
  const auto& sizes = (*views.begin())->sizes;
  if (channels_last && (sizes[1] > 1 || !contiguous)) return Planes{sizes[0], sizes[1]};
  if (contiguous) return Planes{sizes[0] * sizes[1], 1};
  return std::nullopt;
}

}  // namespace tessera::kernels
