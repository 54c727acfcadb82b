// Negative log-likelihood of log-probabilities x, a loss for each pixel, and its gradient.
//
//   loss[n,h,w] = -weight[t] * x[n,t,h,w]  with t = target[n,h,w];   0 where t == ignore_index
//   total_weight = sum of weight[t] over the pixels that are not ignored (the divisor of the mean)
//   grad_input[n,c,h,w] = -weight[t] * grad_loss[n,h,w] where c == t and the pixel is not ignored, 0 elsewhere
//
// Shapes: input and grad_input [N, C, H, W] (any strides, one floating dtype); target int64 [N, H, W]; loss and grad_loss
// [N, H, W]; total_weight [1]; weight [C] contiguous, or a view without data for all ones. Everything but input and grad_input
// has the arithmetic's type: float64 for float64, float32 for float32 and the half types. grad_loss may have stride 0.
//
// first_invalid (int64 [1]) receives the row-major index over [N, H, W] of the first target that is neither in [0, C) nor
// ignore_index, or -1 if there is none. Such a pixel is treated as ignored; nothing out of bounds is read.
#pragma once

#include "kernels/view.h"

namespace tessera::kernels {

struct NllLossParams {
  int64_t ignore_index = -100;
};

using NllLossForward = void(const View& loss, const View& total_weight, const View& first_invalid, const View& input,
                            const View& target, const View& weight, const NllLossParams& params);
using NllLossBackward = void(const View& grad_input, const View& grad_loss, const View& target, const View& weight,
                             const NllLossParams& params);

namespace reference {
NllLossForward nll_loss_forward;
NllLossBackward nll_loss_backward;
}  // namespace reference

namespace cpu {
NllLossForward nll_loss_forward;
NllLossBackward nll_loss_backward;
}  // namespace cpu

namespace cuda {
NllLossForward nll_loss_forward;
NllLossBackward nll_loss_backward;
}  // namespace cuda

}  // namespace tessera::kernels
