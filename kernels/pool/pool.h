// Pooling of images [N, C, H, W] to [N, C, OH, OW]. The output sizes are in the views: the op decides about ceil_mode, and
// windows that run past the input are clipped.
#pragma once

#include <algorithm>
#include <array>

#include "kernels/view.h"

namespace tessera::kernels {

// Each pair is {height, width}.
struct Pool2dParams {
  std::array<int64_t, 2> kernel{1, 1}, stride{1, 1}, padding{0, 0}, dilation{1, 1};
  bool count_include_pad = true;  // average only: the divisor counts padded positions
  int64_t divisor_override = 0;   // average only: divide by this instead, where not 0
};

// Input positions [begin, end) of one output on one axis, and what the sum over them is divided by.
template <class I> struct PoolWindowOf { I begin, end, divisor; };
using PoolWindow = PoolWindowOf<int64_t>;

// Window `o` of average pooling on `axis`. count_include_pad counts positions of the padded input, but none past it. A window
// that lies wholly in the padding is empty.
template <class I> constexpr PoolWindowOf<I> average_window(I o, I in_size, const Pool2dParams& p, int axis) {
  const I padding = static_cast<I>(p.padding[axis]), start = o * static_cast<I>(p.stride[axis]) - padding;
  const I stop = std::min(start + static_cast<I>(p.kernel[axis]), in_size + padding);
  const I begin = std::max<I>(start, 0), end = std::max(begin, std::min(stop, in_size));
  if (p.divisor_override != 0) return {begin, end, axis == 0 ? static_cast<I>(p.divisor_override) : 1};
  return {begin, end, p.count_include_pad ? stop - start : end - begin};
}

// Window `o` of adaptive average pooling: floor(o * in / out) .. ceil((o + 1) * in / out).
template <class I> constexpr PoolWindowOf<I> adaptive_window(I o, I in_size, I out_size) {
  const I begin = o * in_size / out_size, end = ((o + 1) * in_size + out_size - 1) / out_size;
  return {begin, end, end - begin};
}

// out = the maximum of each window; indices [N, C, OH, OW] (int32) = h * W + w of where it was found. The first
// maximum wins; a NaN beats all numbers, and the last NaN wins (as in PyTorch). A window without any input position gives
// -infinity and index -1.
using MaxPool2dForward = void(const View& out, const View& indices, const View& input, const Pool2dParams& params);

// The same without indices, for where no gradient is wanted.
using MaxPool2dValues = void(const View& out, const View& input, const Pool2dParams& params);

// The `indices` that have an implementation of MaxPool2dForward write none: those of `out` without data.
inline View no_indices(const View& out) {
  View indices = out;
  indices.dtype = kInt32;
  indices.data = nullptr;
  return indices;
}

// grad_input[p] = the sum of grad_out over the windows whose index is p.
using MaxPool2dBackward = void(const View& grad_input, const View& grad_out, const View& indices, const Pool2dParams& params);

// out = the sum of each window divided by its divisor (the product over both axes); 0 for an empty window.
using AvgPool2dForward = void(const View& out, const View& input, const Pool2dParams& params);
using AvgPool2dBackward = void(const View& grad_input, const View& grad_out, const Pool2dParams& params);

using AdaptiveAvgPool2dForward = void(const View& out, const View& input);
using AdaptiveAvgPool2dBackward = void(const View& grad_input, const View& grad_out);

namespace reference {
MaxPool2dForward max_pool2d_forward;
MaxPool2dValues max_pool2d_values;
MaxPool2dBackward max_pool2d_backward;
AvgPool2dForward avg_pool2d_forward;
AvgPool2dBackward avg_pool2d_backward;
AdaptiveAvgPool2dForward adaptive_avg_pool2d_forward;
AdaptiveAvgPool2dBackward adaptive_avg_pool2d_backward;
}  // namespace reference

namespace cpu {
MaxPool2dForward max_pool2d_forward;
MaxPool2dValues max_pool2d_values;
MaxPool2dBackward max_pool2d_backward;
AvgPool2dForward avg_pool2d_forward;
AvgPool2dBackward avg_pool2d_backward;
AdaptiveAvgPool2dForward adaptive_avg_pool2d_forward;
AdaptiveAvgPool2dBackward adaptive_avg_pool2d_backward;
}  // namespace cpu

namespace cuda {
MaxPool2dForward max_pool2d_forward;
MaxPool2dValues max_pool2d_values;
MaxPool2dBackward max_pool2d_backward;
AvgPool2dForward avg_pool2d_forward;
AvgPool2dBackward avg_pool2d_backward;
AdaptiveAvgPool2dForward adaptive_avg_pool2d_forward;
AdaptiveAvgPool2dBackward adaptive_avg_pool2d_backward;
}  // namespace cuda

}  // namespace tessera::kernels
