// Normalisation of the rows of a matrix: the arithmetic of layer norm (Ba et al., 2016) and group norm (Wu & He, 2018). The op
// reshapes to [R, L] (a row is a sample, or a group of a sample's channels) and composes the affine part.
#pragma once

#include "kernels/view.h"

namespace tessera::kernels {

// xhat[r, l] = (x[r, l] - mean[r]) * invstd[r], invstd[r] = 1 / sqrt(var[r] + eps) with the biased variance of the row.
// xhat and input [R, L] are contiguous and of one type; mean and invstd [R] are float32, or float64 for float64 inputs.
using RowNormForward = void(const View& xhat, const View& mean, const View& invstd, const View& input, double eps);

// dx = invstd[r] * (g - sum_l(g) / L - xhat * sum_l(g * xhat) / L), g = grad_xhat. All [R, L] contiguous, of one type.
using RowNormBackward = void(const View& grad_input, const View& grad_xhat, const View& xhat, const View& invstd);

namespace reference {
RowNormForward row_norm_forward;
RowNormBackward row_norm_backward;
}  // namespace reference

namespace cpu {
RowNormForward row_norm_forward;
RowNormBackward row_norm_backward;
}  // namespace cpu

namespace cuda {
RowNormForward row_norm_forward;
RowNormBackward row_norm_backward;
}  // namespace cuda

}  // namespace tessera::kernels
