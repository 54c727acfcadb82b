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
// for which the caller passes bessel = M / (M - 1). invstd may be the same memory as var.
using BatchNormUpdate = void(const View& invstd, const View& running_mean, const View& running_var, const View& mean,
                             const View& var, double momentum, double bessel, double eps);

// Both in a training step, with the batch's mean left in `mean`.
using BatchNormTrainingStatistics = void(const View& mean, const View& invstd, const View& running_mean, const View& running_var,
                                         const View& input, double momentum, double bessel, double eps);

// out as above; a NaN stays a NaN through the ReLU.
using BatchNormForward = void(const View& out, const View& input, const BatchNormChannels& channels);

// sum_dy[c] = sum(dy) and sum_dy_xhat[c] = sum(dy * xhat), xhat = (x - mean[c]) * invstd[c], of the type of mean: the gradients of
// bias and weight. With relu, dy counts where y is not <= 0.
using BatchNormBackwardReduce = void(const View& sum_dy, const View& sum_dy_xhat, const View& grad_out, const View& input,
                                     const BatchNormChannels& channels);

// evaluation: dx = dy * weight * invstd
// training:   dx = (dy - sum_dy / M - (x - mean) * invstd * sum_dy_xhat / M) * weight * invstd
using BatchNormBackward = void(const View& grad_input, const View& grad_out, const View& input, const BatchNormChannels& channels,
                               const View& sum_dy, const View& sum_dy_xhat, bool training);

// The end of a residual block, in as many passes as without the sum: out = max(y + residual, 0). channels.relu does not count.
using BatchNormAddReluForward = void(const View& out, const View& input, const View& residual, const BatchNormChannels& channels);
// Its first pass back: masked = grad_out where out is not <= 0, else 0, which is the gradient of the residual; and the sums of
// BatchNormBackwardReduce over it. BatchNormBackward goes on from there, with masked as grad_out and without relu.
using BatchNormAddReluReduce = void(const View& sum_dy, const View& sum_dy_xhat, const View& masked, const View& grad_out,
                                    const View& out, const View& input, const BatchNormChannels& channels);

namespace reference {
BatchNormStatistics batch_norm_statistics;
BatchNormUpdate batch_norm_update;  // a few values a channel: there is no faster form on the CPU
BatchNormTrainingStatistics batch_norm_training_statistics;
BatchNormForward batch_norm_forward;
BatchNormBackwardReduce batch_norm_backward_reduce;
BatchNormBackward batch_norm_backward;
BatchNormAddReluForward batch_norm_add_relu_forward;  // on the CPU the op is composed of others instead
BatchNormAddReluReduce batch_norm_add_relu_reduce;
}  // namespace reference

namespace cpu {
BatchNormStatistics batch_norm_statistics;
BatchNormTrainingStatistics batch_norm_training_statistics;
BatchNormForward batch_norm_forward;
BatchNormBackwardReduce batch_norm_backward_reduce;
BatchNormBackward batch_norm_backward;
}  // namespace cpu

namespace cuda {
BatchNormStatistics batch_norm_statistics;
BatchNormUpdate batch_norm_update;
BatchNormTrainingStatistics batch_norm_training_statistics;
BatchNormForward batch_norm_forward;
BatchNormBackwardReduce batch_norm_backward_reduce;
BatchNormBackward batch_norm_backward;
BatchNormAddReluForward batch_norm_add_relu_forward;
BatchNormAddReluReduce batch_norm_add_relu_reduce;
}  // namespace cuda

}  // namespace tessera::kernels
