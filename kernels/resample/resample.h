// Separable linear resampling of images: what average pooling, adaptive average pooling, nearest and bilinear interpolation and
// the gradients of all of them have in common.
//
//   out[h, w] = sum over taps (i, a) of h and taps (j, b) of w:  a * b * in[i, j]
//
// An op lists the taps of one axis; its gradient is the same map with transposed taps, which gathers and never scatters.
#pragma once

#include <vector>

#include "kernels/view.h"

namespace tessera::kernels {

// For each output index o of one axis: the input indices and weights at positions start[o] .. start[o + 1].
struct AxisTaps {
  std::vector<int32_t> start{0};
  std::vector<int32_t> index;
  std::vector<double> weight;

  void add(int64_t in_index, double w) {
    index.push_back(static_cast<int32_t>(in_index));
    weight.push_back(w);
  }
  void end_output() { start.push_back(static_cast<int32_t>(index.size())); }
  int64_t outputs() const { return static_cast<int64_t>(start.size()) - 1; }
};

// The taps of the transposed map, for an axis of `in_size` input positions.
AxisTaps transposed(const AxisTaps& taps, int64_t in_size);

namespace cpu {

// out [N, C, OH, OW] from in [N, C, IH, IW], of one floating type. Returns false, and does nothing, unless both are dense and of
// the same memory order (NCHW or channels-last).
bool resample(const View& out, const View& in, const AxisTaps& rows, const AxisTaps& columns);

}  // namespace cpu
}  // namespace tessera::kernels
