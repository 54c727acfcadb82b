// Bounding gradients before an optimizer's step. Parameters without a gradient are passed over.
#pragma once

#include <concepts>

#include "core/tensor.h"

namespace tessera::nn::utils {

// Scales all gradients by one factor, so that their norm, taken over all of them together, is at most max_norm:
//     factor = min(1, max_norm / (norm + 1e-6)),   norm = (sum |g|^p)^(1/p), the largest |g| for p infinite
// Returns the norm before. A norm that is not finite throws ValueError with error_if_nonfinite; else its factor is applied.
double clip_grad_norm_(const TensorList& parameters, double max_norm, double norm_type = 2, bool error_if_nonfinite = false);
template <std::same_as<Tensor> T>  // one parameter; a braced list of them is the form above
double clip_grad_norm_(const T& parameter, double max_norm, double norm_type = 2, bool error_if_nonfinite = false) {
  return clip_grad_norm_(TensorList{parameter}, max_norm, norm_type, error_if_nonfinite);
}

// The same in two halves that never wait for the device: the norm of all tensors together as a 0-dimensional tensor, and the scaling
// by it, of gradients on its device. In float32 (float64 for float64).
Tensor get_total_norm(const TensorList& tensors, double norm_type = 2);
void clip_grads_with_norm_(const TensorList& parameters, double max_norm, const Tensor& total_norm);

// Bounds each element of each gradient to [-clip_value, clip_value].
void clip_grad_value_(const TensorList& parameters, double clip_value);
template <std::same_as<Tensor> T> void clip_grad_value_(const T& parameter, double clip_value) {
  clip_grad_value_(TensorList{parameter}, clip_value);
}

}  // namespace tessera::nn::utils
