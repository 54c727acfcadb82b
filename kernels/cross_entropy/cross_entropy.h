// Cross-entropy of logits x over dimension 1 with class indices: log_softmax and nll_loss in one pass, without the tensor of
// log-probabilities between them. Per pixel, with t the target, w the class weights (1 without), s the label smoothing:
//
//   log_normalizer = log sum_c exp(x_c)
//   loss = (1 - s) * w_t * (log_normalizer - x_t) + s / C * sum_c w_c * (log_normalizer - x_c);   0 where t == ignore_index
//   total_weight = sum of w_t over the pixels that are not ignored (the divisor of the mean)
//   grad_logits_c = g * (p_c * ((1 - s) * w_t + s / C * sum_k w_k) - (1 - s) * w_t * [c == t] - s / C * w_c)
//
// with p_c = exp(x_c - log_normalizer), g = grad_loss; exactly 0 for all classes of an ignored pixel. This is PyTorch's
// definition of class weights, ignore_index and label smoothing together. Large logits do not overflow; a pixel with NaN, +inf or
// only -inf has the loss NaN. log_normalizer is rounded to its type, so the gradient carries a relative error of epsilon *
// |log_normalizer|.
//
// Shapes: logits and grad_logits [N, C, H, W] (C >= 1, any strides, one floating dtype); target int64 [N, H, W]; loss,
// log_normalizer and grad_loss [N, H, W]; total_weight [1]; weight [C] contiguous, or a view without data for all ones.
// Everything but logits and grad_logits has the arithmetic's type: float64 for float64, float32 for float32 and the half types.
// grad_loss may have stride 0.
//
// first_invalid (int64 [1]) receives the row-major index over [N, H, W] of the first target that is neither in [0, C) nor
// ignore_index, or -1 if there is none. Such a pixel is treated as ignored; nothing out of bounds is read.
#pragma once

#include "kernels/view.h"

namespace tessera::kernels {

struct CrossEntropyParams {
  int64_t ignore_index = -100;
  double label_smoothing = 0;
};

using CrossEntropyForward = void(const View& loss, const View& log_normalizer, const View& total_weight,
                                 const View& first_invalid, const View& logits, const View& target, const View& weight,
                                 const CrossEntropyParams& params);
using CrossEntropyBackward = void(const View& grad_logits, const View& grad_loss, const View& logits, const View& log_normalizer,
                                  const View& target, const View& weight, const CrossEntropyParams& params);

namespace reference {
CrossEntropyForward cross_entropy_forward;
CrossEntropyBackward cross_entropy_backward;
}  // namespace reference

namespace cpu {
CrossEntropyForward cross_entropy_forward;
CrossEntropyBackward cross_entropy_backward;
}  // namespace cpu

namespace cuda {
CrossEntropyForward cross_entropy_forward;
CrossEntropyBackward cross_entropy_backward;
}  // namespace cuda

}  // namespace tessera::kernels
