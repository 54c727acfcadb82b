// Pooling of [N, C, H, W] or [C, H, W]. A list of one number stands for both height and width.
#pragma once

#include <optional>
#include <tuple>

#include "core/tensor.h"

namespace tessera {

// All keep the memory format of a dense input, can be differentiated any number of times, and throw
//   TypeError   for a tensor that is not floating-point
//   ShapeError  for other ranks, and where the output would be empty
//   ValueError  for kernel, stride or dilation below 1, or padding above half the kernel
// Output size on an axis: (in + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1, rounded down, or up with ceil_mode; but
// the last window must start inside the input or its left padding.

// out = the maximum of each window; padding never wins; a NaN beats every number. Gradient: goes to the first maximum.
// An empty stride means the kernel size.
Tensor max_pool2d(const Tensor& input, IntArrayRef kernel_size, IntArrayRef stride = {}, IntArrayRef padding = 0,
                  IntArrayRef dilation = 1, bool ceil_mode = false);

// The same, and where each maximum was found: int64, h * W + w within its channel.
std::tuple<Tensor, Tensor> max_pool2d_with_indices(const Tensor& input, IntArrayRef kernel_size, IntArrayRef stride = {},
                                                   IntArrayRef padding = 0, IntArrayRef dilation = 1, bool ceil_mode = false);

// out = the sum of each window divided by its number of positions, counting zero padding if count_include_pad, or by
// divisor_override.
Tensor avg_pool2d(const Tensor& input, IntArrayRef kernel_size, IntArrayRef stride = {}, IntArrayRef padding = 0,
                  bool ceil_mode = false, bool count_include_pad = true, std::optional<int64_t> divisor_override = {});

// out [N, C, OH, OW] = means over windows floor(o * in / out) .. ceil((o + 1) * in / out) on each axis.
Tensor adaptive_avg_pool2d(const Tensor& input, IntArrayRef output_size);

}  // namespace tessera
