#include "nn/layers/norm.h"

#include <ostream>

#include "core/autograd.h"
#include "core/ops/creation.h"
#include "core/ops/norm.h"
#include "nn/init.h"

namespace tessera::nn {

BatchNorm2dImpl::BatchNorm2dImpl(const BatchNorm2dOptions& options) : options(options) {
  BatchNorm2dImpl::reset();
}

void BatchNorm2dImpl::reset() {
  const int64_t channels = options.num_features();
  weight = register_parameter("weight", options.affine() ? ones({channels}) : Tensor());
  bias = register_parameter("bias", options.affine() ? zeros({channels}) : Tensor());
  const bool track = options.track_running_stats();
  running_mean = register_buffer("running_mean", track ? zeros({channels}) : Tensor());
  running_var = register_buffer("running_var", track ? ones({channels}) : Tensor());
  num_batches_tracked = register_buffer("num_batches_tracked", track ? zeros({}, kInt64) : Tensor());
}

void BatchNorm2dImpl::reset_running_stats() {
  if (!options.track_running_stats()) return;
  init::zeros_(running_mean);
  init::ones_(running_var);
  init::zeros_(num_batches_tracked);
}

void BatchNorm2dImpl::reset_parameters() {
  reset_running_stats();
  if (!options.affine()) return;
  init::ones_(weight);
  init::zeros_(bias);
}

void BatchNorm2dImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::BatchNorm2d(" << options.num_features() << ", eps=" << options.eps() << ", momentum=";
  if (options.momentum())
    stream << *options.momentum();
  else
    stream << "none";
  stream << ", affine=" << (options.affine() ? "true" : "false")
         << ", track_running_stats=" << (options.track_running_stats() ? "true" : "false") << ')';
}

void BatchNorm2dImpl::check_input(const Tensor& input) const {
  check<ShapeError>(input.dim() == 4, "BatchNorm2d: an input [N, C, H, W] is needed, not {}", input.sizes());
}

// Counts the batch, and says how far the running statistics move towards it.
double BatchNorm2dImpl::next_momentum() {
  if (!is_training() || !num_batches_tracked.defined()) return options.momentum().value_or(0);
  num_batches_tracked.add_(1);
  return options.momentum() ? *options.momentum() : 1 / num_batches_tracked.item<double>();
}

Tensor BatchNorm2dImpl::forward(const Tensor& input) {
  check_input(input);
  const double momentum = next_momentum();
  return batch_norm(input, weight, bias, running_mean, running_var, is_training() || !running_mean.defined(), momentum,
                    options.eps());
}

Tensor BatchNorm2dImpl::forward_relu(const Tensor& input) {
  const autograd::LayerScope scope(registered_name());
  check_input(input);
  const double momentum = next_momentum();
  return batch_norm_relu(input, weight, bias, running_mean, running_var, is_training() || !running_mean.defined(), momentum,
                         options.eps());
}

GroupNormImpl::GroupNormImpl(const GroupNormOptions& options) : options(options) {
  GroupNormImpl::reset();
}

void GroupNormImpl::reset() {
  weight = register_parameter("weight", options.affine() ? ones({options.num_channels()}) : Tensor());
  bias = register_parameter("bias", options.affine() ? zeros({options.num_channels()}) : Tensor());
}

void GroupNormImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::GroupNorm(" << options.num_groups() << ", " << options.num_channels() << ", eps=" << options.eps()
         << ", affine=" << (options.affine() ? "true" : "false") << ')';
}

Tensor GroupNormImpl::forward(const Tensor& input) {
  return group_norm(input, options.num_groups(), weight, bias, options.eps());
}

LayerNormImpl::LayerNormImpl(const LayerNormOptions& options) : options(options) {
  LayerNormImpl::reset();
}

void LayerNormImpl::reset() {
  const bool affine = options.elementwise_affine();
  weight = register_parameter("weight", affine ? ones(options.normalized_shape()) : Tensor());
  bias = register_parameter("bias", affine ? zeros(options.normalized_shape()) : Tensor());
}

void LayerNormImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::LayerNorm(" << to_string(IntArrayRef(options.normalized_shape())) << ", eps=" << options.eps()
         << ", elementwise_affine=" << (options.elementwise_affine() ? "true" : "false") << ')';
}

Tensor LayerNormImpl::forward(const Tensor& input) {
  return layer_norm(input, options.normalized_shape(), weight, bias, options.eps());
}

}  // namespace tessera::nn
