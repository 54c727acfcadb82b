// Which source pixels each output pixel of a convolution gathers, one image axis at a time.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace tessera::kernels {

// The pixels first + j * step, j in [0, count), of one image axis, and what each reads: source pixel j * scale + offset of each
// tap, through kernel position `kernel`.
struct GatherAxis {
  struct Tap {
    int64_t kernel, offset;
  };
  int64_t first, step, count, scale;
  std::vector<Tap> taps;
};

// Forward: one axis with all taps.
inline std::vector<GatherAxis> forward_axis(int64_t out_size, int64_t kernel, int64_t stride, int64_t padding, int64_t dilation) {
  GatherAxis axis{0, 1, out_size, stride, {}};
  for (int64_t k = 0; k < kernel; ++k) axis.taps.push_back({k, k * dilation - padding});
  return {axis};
}

// Input gradient: an axis for each phase, with the taps whose distance is a multiple of the stride.
inline std::vector<GatherAxis> input_grad_axes(int64_t in_size, int64_t kernel, int64_t stride, int64_t padding, int64_t dilation) {
  std::vector<GatherAxis> axes;
  for (int64_t phase = 0; phase < std::min(stride, in_size); ++phase) {
    GatherAxis axis{phase, stride, (in_size - phase + stride - 1) / stride, 1, {}};
    for (int64_t k = 0; k < kernel; ++k) {
      const int64_t distance = phase + padding - k * dilation;
      if (distance % stride == 0) axis.taps.push_back({k, distance / stride});
    }
    axes.push_back(axis);
  }
  return axes;
}

}  // namespace tessera::kernels
