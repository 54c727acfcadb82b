// Batch normalisation (Ioffe & Szegedy, 2015) over [N, C, H, W]: each channel c is normalised over its M = N*H*W values.
//
//   y = (x - mean[c]) * invstd[c] * weight[c] + bias[c],   invstd = 1 / sqrt(var + eps),   optionally followed by max(y, 0)
//
// Training takes mean and var from the batch (statistics), evaluation from the running estimates. What the gradient needs is the
// input, mean and invstd; with the fused ReLU the mask is recomputed from them, so that the output is never saved.
#pragma once

#include "kernels/view.h"

namespace tessera::kernels {

// The per-channel values, each [C] and contiguous. mean and invstd are float32 for float32 and half inputs, float64 for float64;
// weight and bias may be of any floating type and may be absent (data == nullptr): then they count as 1 and 0.
struct BatchNormChannels {
  View mean, invstd, weight, bias;
  bool relu = false;
};

// mean[c] = sum(x) / M and var[c] = sum((x - mean)^2) / M (biased). Accurate for means far from zero: blocks are summed around
// their own mean and merged in float64.
using BatchNormStatistics = void(const View& mean, const View& var, const View& input);

// invstd[c] = 1 / sqrt(var[c] + eps). Where running_mean and running_var are given (data != nullptr, of any floating type), they
// also take a step towards the batch: r = (1 - momentum) * r + momentum * batch, with the unbiased variance var * M / (M - 1),
// for which the caller passes bessel = M / (M - 1).
using BatchNormUpdate = void(const View& invstd, const View& running_mean, const View& running_var, const View& mean,
                             const View& var, double momentum, double bessel, double eps);

// out as above; a NaN stays a NaN through the ReLU.
using BatchNormForward = void(const View& out, const View& input, const BatchNormChannels& channels);

// sum_dy[c] = sum(dy) and sum_dy_xmu[c] = sum(dy * (x - mean[c])), of the type of mean. With relu, dy counts where y is not <= 0.
// The gradients of the parameters follow: bias: sum_dy, weight: sum_dy_xmu * invstd.
using BatchNormBackwardReduce = void(const View& sum_dy, const View& sum_dy_xmu, const View& grad_out, const View& input,
                                     const BatchNormChannels& channels);

// evaluation: dx = dy * weight * invstd
// training:   dx = (dy - sum_dy / M - (x - mean) * invstd^2 * sum_dy_xmu / M) * weight * invstd
using BatchNormBackward = void(const View& grad_input, const View& grad_out, const View& input, const BatchNormChannels& channels,
                               const View& sum_dy, const View& sum_dy_xmu, bool training);

namespace reference {
BatchNormStatistics batch_norm_statistics;
BatchNormUpdate batch_norm_update;  // a few values a channel: there is no faster form on the CPU
BatchNormForward batch_norm_forward;
BatchNormBackwardReduce batch_norm_backward_reduce;
BatchNormBackward batch_norm_backward;
}  // namespace reference

namespace cpu {
BatchNormStatistics batch_norm_statistics;
BatchNormForward batch_norm_forward;
BatchNormBackwardReduce batch_norm_backward_reduce;
BatchNormBackward batch_norm_backward;
}  // namespace cpu

namespace cuda {
BatchNormStatistics batch_norm_statistics;
BatchNormUpdate batch_norm_update;
BatchNormForward batch_norm_forward;
BatchNormBackwardReduce batch_norm_backward_reduce;
BatchNormBackward batch_norm_backward;
}  // namespace cuda

}  // namespace tessera::kernels
