// What the two wgmma kernels of the weight gradient share: which pixels a tap reads. For .cu files.
//
// With stride 1 all taps read one picture, each begins a pixel further on. With stride 2 the taps of even and of odd input columns
// read different pixels: the input is two planes in each direction, which tensor maps of twice the strides show to the copy
// engine, and in a plane the taps lie side by side again. A block then takes the two planes of even and of odd columns of the even
// rows, or of the odd ones.
#pragma once

#include "kernels/conv2d/conv2d.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/tensor_map.h"

namespace tessera::kernels::cuda {

// stride 1: three rows of three taps in one plane. stride 2: two rows of two taps in each of two planes. A group of taps is a row
// of the kernel in a plane, which a warpgroup computes.
template <int stride> struct PlaneTaps {
  static_assert(stride == 1 || stride == 2);
  static constexpr int kX = 4 - stride, kY = 4 - stride, kPlanes = stride, kGroups = kY * kPlanes, kConsumers = kGroups * 128;
};

// One direction of a plane: its first tap, which others follow `stride` apart, and the plane's pixel that it reads for output 0.
struct PlaneAxis {
  int tap, origin;
};
struct PlaneAxes {
  PlaneAxis y[2], x[2];  // by parity; with stride 1 the first
};
inline PlaneAxes plane_axes(const Conv2dParams& params) {
  PlaneAxes axes{};
  for (int parity : {0, 1}) {
    // The plane's pixel j is input pixel 2 j + parity; output o reads it by tap k where 2 o - padding + k = 2 j + parity.
    const auto axis = [&](size_t d) {
      const int padding = static_cast<int>(params.padding[d]);
      if (params.stride[d] == 1) return PlaneAxis{0, -padding};
      const int tap = (parity + padding) % 2;
      return PlaneAxis{tap, (tap - padding - parity) / 2};
    };
    axes.y[parity] = axis(0), axes.x[parity] = axis(1);
  }
  return axes;
}

// The pixels (parity_y + stride * j, parity_x + stride * i) of a channels-last picture, in boxes of rows x columns x channels.
inline CUtensorMap plane_map(const View& v, int stride, int parity_y, int parity_x, int channels, int rows, int columns,
                             TmaRounding rounding = TmaRounding::None) {
  const int64_t first = parity_y * v.strides[2] + parity_x * v.strides[3];
  return tiled_tensor_map(v.as<unsigned char>() + first * static_cast<int64_t>(element_size(v.dtype)), v.dtype,
                          {v.sizes[1], div_up(v.sizes[3] - parity_x, stride), div_up(v.sizes[2] - parity_y, stride), v.sizes[0]},
                          {v.strides[3] * stride, v.strides[2] * stride, v.strides[0]}, {channels, columns, rows, 1}, rounding);
}

// Whether the planes hold a convolution: 3x3 with stride 1, or 3 or 4 taps in each direction with stride 2 and without dilation.
inline bool has_planes(const Conv2dParams& params, const View& grad_weight, const View& input) {
  const int64_t ky = grad_weight.sizes[2], kx = grad_weight.sizes[3];
  if (params.stride[0] != params.stride[1]) return false;
  if (params.stride[0] == 1) return ky == 3 && kx == 3;
  return params.stride[0] == 2 && (ky == 3 || ky == 4) && (kx == 3 || kx == 4) && params.dilation[0] == 1 &&
         params.dilation[1] == 1 && input.sizes[2] > 1 && input.sizes[3] > 1;
}

}  // namespace tessera::kernels::cuda
