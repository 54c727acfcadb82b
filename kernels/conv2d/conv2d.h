// Two-dimensional convolution (cross-correlation, as the field says) and its two gradients.
//
//   out[n, oc, oy, ox] = bias[oc] + sum over ic in group(oc), ky, kx of
//                        input[n, ic, oy * stride - padding + ky * dilation, ox * ...] * weight[oc, ic - first ic, ky, kx]
//
// Shapes: input [N, IC, H, W], weight [OC, IC / groups, KH, KW], bias [OC], out [N, OC, OH, OW]. Reads outside the input are 0.
// All views have the same floating dtype and any strides; channels-last (NHWC) is the fast order of input and out. The weight
// gradient of half operands may be asked for in float32.
//
// The transposed convolution needs no kernels of its own: it is the input gradient of a convolution. With weight
// [IC, OC / groups, KH, KW] as conv_transpose2d has it,
//   forward          conv2d_input_grad(out, input, weight, bias)    (output_padding only enlarges `out`)
//   input gradient   conv2d_forward(grad_input, grad_out, weight, nullptr)
//   weight gradient  conv2d_weight_grad(grad_weight, /*input=*/grad_out, /*grad_out=*/input)
#pragma once

#include <array>
#include <cstdint>

#include "kernels/precision.h"
#include "kernels/view.h"

namespace tessera::kernels {

struct Conv2dParams {
  std::array<int64_t, 2> stride{1, 1}, padding{0, 0}, dilation{1, 1};  // height, width
  int64_t groups = 1;
  Float32Precision precision = Float32Precision::Highest;  // of float32 operands
};

// `bias` may be null.
using Conv2dForward = void(const View& out, const View& input, const View& weight, const View* bias, const Conv2dParams&);

// The gradient of f(input) = dot(grad_out, conv2d(input, weight)). `bias` [IC] is added to it; null in a backward pass.
using Conv2dInputGrad = void(const View& grad_input, const View& grad_out, const View& weight, const View* bias,
                             const Conv2dParams&);

// The gradient of f(weight) = dot(grad_out, conv2d(input, weight)).
using Conv2dWeightGrad = void(const View& grad_weight, const View& input, const View& grad_out, const Conv2dParams&);

namespace reference {
Conv2dForward conv2d_forward;
Conv2dInputGrad conv2d_input_grad;
Conv2dWeightGrad conv2d_weight_grad;
}  // namespace reference

// The same bits at any thread count.
namespace cpu {
Conv2dForward conv2d_forward;
Conv2dInputGrad conv2d_input_grad;
Conv2dWeightGrad conv2d_weight_grad;
}  // namespace cpu

namespace cuda {
Conv2dForward conv2d_forward;
Conv2dInputGrad conv2d_input_grad;
Conv2dWeightGrad conv2d_weight_grad;
}  // namespace cuda

}  // namespace tessera::kernels
