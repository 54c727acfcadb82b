#include "nn/clip_grad.h"

#include <cmath>

#include "core/grad_mode.h"
#include "core/ops/binary.h"
#include "core/ops/concat.h"
#include "core/ops/creation.h"
#include "core/ops/reduce.h"
#include "core/ops/unary.h"

namespace tessera::nn::utils {

double clip_grad_norm_(const TensorList& parameters, double max_norm, double norm_type, bool error_if_nonfinite) {
  check<ValueError>(norm_type > 0, "clip_grad_norm_: a norm of order {}", norm_type);
  const NoGradGuard no_grad;
  TensorList grads;
  for (const Tensor& parameter : parameters)
    if (parameter.grad().defined() && parameter.numel() > 0) grads.push_back(parameter.grad());
  double total = 0;
  for (const Tensor& grad : grads) {
    if (std::isinf(norm_type)) {
      const double largest = grad.abs().max().item<double>();
      total = largest > total || std::isnan(largest) ? largest : total;
      if (std::isnan(total)) break;
    } else if (norm_type == 2) {
      total += grad.square().sum().item<double>();
    } else {
      total += grad.abs().pow(norm_type).sum().item<double>();
    }
  }
  const double norm = std::isinf(norm_type) ? total : std::pow(total, 1 / norm_type);
  check<ValueError>(!error_if_nonfinite || std::isfinite(norm), "clip_grad_norm_: the norm of the gradients is {}", norm);
  const double factor = max_norm / (norm + 1e-6);
  if (!(factor >= 1))  // a NaN too
    for (const Tensor& grad : grads) grad.mul_(factor);
  return norm;
}

Tensor get_total_norm(const TensorList& tensors, double norm_type) {
  check<ValueError>(norm_type > 0, "get_total_norm: a norm of order {}", norm_type);
  const NoGradGuard no_grad;
  TensorList norms;
  for (const Tensor& x : tensors)
    if (x.numel() > 0) norms.push_back(x.norm(norm_type).to(x.dtype() == kFloat64 ? kFloat64 : kFloat32));
  return norms.empty() ? zeros({}) : stack(norms).norm(norm_type);
}

void clip_grads_with_norm_(const TensorList& parameters, double max_norm, const Tensor& total_norm) {
  const NoGradGuard no_grad;
  const Tensor factor = (max_norm / (total_norm + 1e-6)).clamp({}, 1);
  for (const Tensor& parameter : parameters)
    if (parameter.grad().defined()) parameter.grad().mul_(factor);
}

void clip_grad_value_(const TensorList& parameters, double clip_value) {
  const NoGradGuard no_grad;
  for (const Tensor& parameter : parameters)
    if (parameter.grad().defined()) parameter.grad().clamp_(-clip_value, clip_value);
}

}  // namespace tessera::nn::utils
