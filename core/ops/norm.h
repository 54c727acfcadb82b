// Normalisation: batch, layer and group norm. Optional tensors (weight, bias, running statistics) may be undefined.
#pragma once

#include "core/tensor.h"

namespace tessera {

// Batch normalisation over [N, C], [N, C, L] or [N, C, H, W] (Ioffe & Szegedy, 2015). For each channel c
//     out = (x - mean[c]) / sqrt(var[c] + eps) * weight[c] + bias[c]
// training: mean and biased variance of the batch; running_mean and running_var, where given, move by `momentum` towards the
// batch's mean and unbiased variance, outside the graph. evaluation: mean and var are running_mean and running_var, which must be
// given. Keeps the memory format of a dense input. Gradients for input, weight and bias in both modes, once differentiable. Saved
// for backward: input, mean and 1 / sqrt(var + eps), in float32 (float64 for float64). Throws ShapeError for other ranks, for
// per-channel tensors that are not [C], and in training for one value a channel.
Tensor batch_norm(const Tensor& input, const Tensor& weight, const Tensor& bias, const Tensor& running_mean,
                  const Tensor& running_var, bool training, double momentum, double eps);

// relu(batch_norm(...)) in the same two passes over memory, with the same gradients. Backward recomputes the mask from the input,
// so that nothing is saved for the ReLU.
Tensor batch_norm_relu(const Tensor& input, const Tensor& weight, const Tensor& bias, const Tensor& running_mean,
                       const Tensor& running_var, bool training, double momentum, double eps);

// relu(batch_norm(input, ...) + residual), the end of a residual block (He et al., 2016), in the same two passes over memory on a GPU;
// on a CPU, and for a residual of another dtype, by add_ and relu_. Saves the output beside what batch_norm saves. Throws ShapeError
// if the residual has not the input's shape.
Tensor batch_norm_add_relu(const Tensor& input, const Tensor& residual, const Tensor& weight, const Tensor& bias,
                           const Tensor& running_mean, const Tensor& running_var, bool training, double momentum, double eps);

// Layer normalisation (Ba, Kiros & Hinton, 2016) over the trailing dimensions, whose sizes are normalized_shape:
//     out = (x - mean) / sqrt(var + eps) * weight + bias,   weight and bias of shape normalized_shape
// The result is contiguous. Throws ShapeError where the shapes do not end alike.
Tensor layer_norm(const Tensor& input, IntArrayRef normalized_shape, const Tensor& weight = {}, const Tensor& bias = {},
                  double eps = 1e-5);

// Group normalisation (Wu & He, 2018) of [N, C, ...]: each sample's C channels in num_groups groups of adjacent channels, each
// group normalised over its channels and pixels; weight and bias are [C]. Keeps the memory format; computes in NCHW, so a
// channels-last input costs two copies. Throws ShapeError where num_groups does not divide C.
Tensor group_norm(const Tensor& input, int64_t num_groups, const Tensor& weight = {}, const Tensor& bias = {}, double eps = 1e-5);

}  // namespace tessera
