// The planes of the input that the taps of a product with a step of 2 read, and the boxes in which the copy engine brings them.
// For .cu files.
//
// With a step of 1 there is one plane, the input. With a step of 2 position j reads pixels 2 j + first + tap: even rows by every
// second tap, odd rows by the others, and so with columns. So the input is four planes, in each of which positions are one pixel
// apart and the taps that read it lie side by side.
#pragma once

#include "kernels/conv2d/cuda_hopper.h"

namespace tessera::kernels::cuda {

// What some of the taps read, those from (tap_y, tap_x) on in steps of `step`: with step 1 all pixels, with step 2 a plane.
struct PixelPlanes {
  static constexpr int kPlanes = 4;
  struct Plane {
    int tap_y, tap_x, lowest_y, lowest_x;  // lowest: the plane's pixel that the lowest tap reads for position (0, 0)
  };
  CUtensorMap maps[kPlanes];
  Plane planes[kPlanes];
  int count;
};

// A tap's distance from the lowest one of its plane is at most this.
inline int64_t reach(const TapProduct& p, size_t axis) {
  return (div_up(p.taps[axis], p.step[axis]) - 1) * std::abs(p.tap_step[axis]);
}

// With box sizes in pixels. Planes without a pixel or without a tap are left out: they add nothing.
inline PixelPlanes pixel_planes(const TapProduct& p, const View& in, int chunk, int64_t box_width, int64_t box_height,
                                TmaRounding rounding) {
  PixelPlanes result{};
  const auto narrow = [](int64_t value) { return static_cast<int>(value); };
  for (int64_t y = 0; y < p.step[0]; ++y)
    for (int64_t x = 0; x < p.step[1]; ++x) {
      // Tap a reads pixel first + a of position 0: of plane y if their difference is a multiple of the step.
      const auto tap = [&](size_t axis, int64_t parity) {
        return ((parity - p.first[axis]) % p.step[axis] + p.step[axis]) % p.step[axis];
      };
      const int64_t tap_y = tap(0, y), tap_x = tap(1, x);
      if (tap_y >= p.taps[0] || tap_x >= p.taps[1] || y >= in.sizes[2] || x >= in.sizes[3]) continue;
      result.planes[result.count] = {narrow(tap_y), narrow(tap_x), narrow((p.lowest(0) + tap_y - y) / p.step[0]),
                                     narrow((p.lowest(1) + tap_x - x) / p.step[1])};
      const auto* data = static_cast<unsigned char*>(in.data) +
                         (y * in.strides[2] + x * in.strides[3]) * static_cast<int64_t>(element_size(in.dtype));
      result.maps[result.count++] = tiled_tensor_map(
          data, in.dtype, {in.sizes[1], div_up(in.sizes[3] - x, p.step[1]), div_up(in.sizes[2] - y, p.step[0]), in.sizes[0]},
          {in.strides[3] * p.step[1], in.strides[2] * p.step[0], in.strides[0]}, {chunk, box_width, box_height, 1},
          rounding);
    }
  return result;
}

}  // namespace tessera::kernels::cuda
