// Softmax and log-softmax along one dimension, and their gradients.
//
//   softmax      y_c = exp(x_c) / sum_k exp(x_k)              grad_in_c = y_c * (g_c - sum_k g_k * y_k)
//   log_softmax  y_c = x_c - log(sum_k exp(x_k))              grad_in_c = g_c - exp(y_c) * sum_k g_k
//
// The maximum is subtracted first, so large logits do not overflow. A line along `dim` that holds NaN or +inf, or only -inf,
// gives NaN in all its elements, as in PyTorch; -inf beside finite values has probability 0.
//
// All views have the same sizes and one floating dtype; strides are free (an input may have stride 0); `dim` is in
// [0, ndim). `out` in the gradients is the output of the forward pass. No output may share memory with an input.
#pragma once

#include "kernels/view.h"

namespace tessera::kernels {

using SoftmaxForward = void(const View& out, const View& in, int dim);
using SoftmaxBackward = void(const View& grad_in, const View& grad_out, const View& out, int dim);

namespace reference {
SoftmaxForward softmax_forward, log_softmax_forward;
SoftmaxBackward softmax_backward, log_softmax_backward;
}  // namespace reference

namespace cpu {
SoftmaxForward softmax_forward, log_softmax_forward;
SoftmaxBackward softmax_backward, log_softmax_backward;
}  // namespace cpu

namespace cuda {
SoftmaxForward softmax_forward, log_softmax_forward;
SoftmaxBackward softmax_backward, log_softmax_backward;
}  // namespace cuda

}  // namespace tessera::kernels
