// Convolution (cross-correlation) in two dimensions, its transposed form, and its gradients as ops of their own.
//
// Tensors are [N, C, H, W], or [C, H, W] for one image. stride, padding, dilation and output_padding take one number for both
// directions, or {height, width}. All operands share one floating dtype and device. The output keeps the input's memory format;
// channels-last is the fast one. Every op here can be differentiated any number of times: the gradients of a convolution are
// convolutions. Wrong shapes throw ShapeError, wrong arguments ValueError, wrong dtypes TypeError.
#pragma once

#include "core/tensor.h"

namespace tessera {

// out[n, oc, oy, ox] = bias[oc] + sum over ic, ky, kx of
//     input[n, ic, oy * stride - padding + ky * dilation, ...] * weight[oc, ic, ky, kx]          (zero outside the input)
//
// input [N, IC, H, W], weight [OC, IC / groups, KH, KW], bias [OC] or undefined
// out [N, OC, OH, OW], OH = floor((H + 2 * padding - dilation * (KH - 1) - 1) / stride) + 1
// With groups, output channels of a group see the input channels of the same group alone.
Tensor conv2d(const Tensor& input, const Tensor& weight, const Tensor& bias = {}, IntArrayRef stride = 1, IntArrayRef padding = 0,
              IntArrayRef dilation = 1, int64_t groups = 1);

// The gradient of conv2d with respect to its input, taken as a layer ("deconvolution", up-convolution): each input pixel adds
// weight * value to a window of the output.
//
// input [N, IC, H, W], weight [IC, OC / groups, KH, KW], bias [OC] or undefined
// out [N, OC, OH, OW], OH = (H - 1) * stride - 2 * padding + dilation * (KH - 1) + output_padding + 1
// output_padding says which of the `stride` sizes that conv2d would bring down to H is meant; it is less than stride or dilation.
Tensor conv_transpose2d(const Tensor& input, const Tensor& weight, const Tensor& bias = {}, IntArrayRef stride = 1,
                        IntArrayRef padding = 0, IntArrayRef output_padding = 0, int64_t groups = 1, IntArrayRef dilation = 1);

// The gradient of dot(grad_out, conv2d(input, weight)) with respect to the input, which has shape `input_sizes` [N, IC, H, W].
Tensor conv2d_input_grad(IntArrayRef input_sizes, const Tensor& weight, const Tensor& grad_out, IntArrayRef stride = 1,
                         IntArrayRef padding = 0, IntArrayRef dilation = 1, int64_t groups = 1);

// The same with respect to the weight, which has shape `weight_sizes` [OC, IC / groups, KH, KW].
Tensor conv2d_weight_grad(const Tensor& input, IntArrayRef weight_sizes, const Tensor& grad_out, IntArrayRef stride = 1,
                          IntArrayRef padding = 0, IntArrayRef dilation = 1, int64_t groups = 1);

}  // namespace tessera
