// Convolution's forward and input gradient as one matrix product, which the tensor-core kernels compute.
//
// Rows are positions (n, j, i) of a grid, columns are output channels, and the sum runs over taps (a_y, a_x) and channels k:
//
//   value[(n, j, i), c] = sum over a, k of  in[n, k, j * step_y + first_y + a_y * tap_step_y, i * ...] * weights[a, c, k]
//
// where reads outside `in` are 0.
//   Forward: a position is an output pixel, step is the stride, first = -padding, tap_step is the dilation.
//   Input gradient with stride s: pixel y + padding = j * s + p is reached from in = grad_out at rows j, j - 1, ..., through taps
// ky = p, p + s, ... So a position is a block of s_y x s_x pixels, and a column is one of the block's pixels ("phase") with a
// channel: the s_x pixels of a row and their channels are adjacent in a channels-last output, a "run" of s_x * C elements. All
// phases see the same input pixels, and none is scattered. Column c is element r = c % run of row p_y = c / run of the block:
//
//   y = j * phases_y + p_y - shift_y,   element of row y: i * run + r - shift_x * C,   where that lies in the picture
//
// Blocks that begin in the padding are cut at the picture's border, `shift` pixels of them; align_blocks() puts `lead` zeros before
// the kernel instead, as if the padding were a multiple of s.
// A phase p has the taps a with 0 <= p + a * phases - lead < kernel; weights of the others are 0, and a tile skips those that none
// of its phases has.
#pragma once

#include <array>
#include <cstdint>

#include "kernels/conv2d/conv2d.h"

namespace tessera::kernels {

struct TapProduct {
  using Pair = std::array<int64_t, 2>;  // height, width

  int64_t images = 0, in_channels = 0;
  Pair grid{}, step{1, 1}, first{}, taps{}, tap_step{};  // tap_step may be negative
  int64_t channels = 0;                                  // of the output
  Pair phases{1, 1}, shift{}, lead{}, kernel{}, out{};   // out: height and width of the output

  // Element (a_y, a_x, c, k) of the weights is weight[k * stride_k + channel * stride_c + ky * strides[0] + kx * strides[1]]. In
  // a folded product k stands for k / fold_channels pixels to the right (stride_fold each) and channel k % fold_channels.
  int64_t weight_stride_k = 0, weight_stride_c = 0, weight_stride_fold = 0, fold_channels = 0;
  Pair weight_strides{};
  constexpr int64_t weight_offset_k(int64_t k) const {
    return k % fold_channels * weight_stride_k + k / fold_channels * weight_stride_fold;
  }

  constexpr int64_t positions() const { return images * grid[0] * grid[1]; }
  constexpr int64_t run() const { return phases[1] * channels; }
  constexpr int64_t columns() const { return phases[0] * run(); }
  // The kernel's row (axis 0) or column (axis 1) that tap `a` of phase `p` is; outside of the kernel if the phase does not have it.
  constexpr int64_t kernel_at(int axis, int64_t p, int64_t a) const {
    const auto d = static_cast<size_t>(axis);
    return p + a * phases[d] - lead[d];
  }
  // The smallest offset of a tap, and tap a's offset from there.
  constexpr int64_t lowest(int axis) const {
    const auto d = static_cast<size_t>(axis);
    return first[d] + (tap_step[d] < 0 ? (taps[d] - 1) * tap_step[d] : 0);
  }
  constexpr int64_t offset(int axis, int64_t a) const {
    const auto d = static_cast<size_t>(axis);
    return tap_step[d] < 0 ? (taps[d] - 1 - a) * -tap_step[d] : a * tap_step[d];
  }
};

TapProduct forward_product(const View& out, const View& input, const View& weight, const Conv2dParams& params);

// Sees groups of neighbouring pixels of `in` as one pixel with more channels, where stride, kernel, padding and width allow: the
// sum then has fewer, longer steps. It pays for few channels and a large stride, as bilinear upsampling's gradient has them.
// Changes nothing where it is not possible or where the channels are many already.
void fold_pixels(TapProduct& product, View& in);
bool may_fold(const TapProduct& product);  // whether it does for some width, of pixels without gaps

// Whether input_grad_product can express it: no direction may have both a stride and a dilation.
bool has_input_grad_product(const Conv2dParams& params);
TapProduct input_grad_product(const View& grad_input, const View& grad_out, const View& weight, const Conv2dParams& params);

// Moves the blocks to the picture's border, so that shift becomes 0, in each direction where it costs no tap more.
void align_blocks(TapProduct& product);

}  // namespace tessera::kernels
