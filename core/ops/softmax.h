// Softmax and log-softmax along a dimension.
#pragma once

#include "core/tensor.h"

namespace tessera {

// softmax      out_c = exp(x_c) / sum_k exp(x_k)     grad_c = out_c * (g_c - sum_k g_k out_k)
// log_softmax  out_c = x_c - log(sum_k exp(x_k))     grad_c = g_c - exp(out_c) * sum_k g_k
// softmin      softmax(-x)
//
// x: any shape, a floating-point dtype (else TypeError); `dim` may count from the end, out of range throws IndexError. The result
// has x's shape, dtype and memory format. Large values do not overflow. A line that holds NaN, +inf or nothing but -inf gives
// NaN; -inf beside finite values has probability 0. Saves its output alone. Differentiable twice.
Tensor softmax(const Tensor& x, int64_t dim);
Tensor log_softmax(const Tensor& x, int64_t dim);
Tensor softmin(const Tensor& x, int64_t dim);

}  // namespace tessera
