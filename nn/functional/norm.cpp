#include "nn/functional/norm.h"

#include "core/grad_mode.h"
#include "core/ops/reduce.h"

namespace tessera::nn::functional {
namespace {

// running <- (1 - momentum) running + momentum * mean over the samples of `statistic` [N, C].
void move_towards(const Tensor& running, const Tensor& statistic, double momentum) {
  if (running.defined()) running.mul_(1 - momentum).add_(statistic.mean({0}).to(running.dtype()), momentum);
}

}  // namespace

Tensor instance_norm(const Tensor& input, const Tensor& running_mean, const Tensor& running_var, const Tensor& weight,
                     const Tensor& bias, bool use_input_stats, double momentum, double eps) {
  if (!use_input_stats) return batch_norm(input, weight, bias, running_mean, running_var, /*training=*/false, momentum, eps);
  check<ShapeError>(input.dim() >= 3, "instance_norm: input of shape {} has no pixels. It must be [N, C, ...].", input.sizes());
  if (running_mean.defined() || running_var.defined()) {
    const NoGradGuard no_grad;
    DimVector pixels;
    for (int64_t d = 2; d < input.dim(); ++d) pixels.push_back(d);
    const auto [variance, mean] = var_mean(input, pixels);
    move_towards(running_mean, mean, momentum);
    move_towards(running_var, variance, momentum);
  }
  return group_norm(input, input.size(1), weight, bias, eps);
}

}  // namespace tessera::nn::functional
