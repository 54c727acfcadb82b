#include "nn/layers/norm.h"

#include <ostream>

#include "core/autograd.h"
#include "core/ops/creation.h"
#include "core/ops/norm.h"
#include "nn/functional/norm.h"
#include "nn/init.h"

namespace tessera::nn {

namespace {

void reset_affine(const Tensor& weight, const Tensor& bias) {
  if (!weight.defined()) return;
  init::ones_(weight);
  init::zeros_(bias);
}

void check_dims(const char* name, const Tensor& input, int64_t least, int64_t most, const char* shapes) {
  check<ShapeError>(input.dim() >= least && input.dim() <= most, "{}: an input {} is needed, not {}", name, shapes,
                    input.sizes());
}

}  // namespace

template <class Derived, class Options> void RunningNorm<Derived, Options>::reset() {
  const int64_t channels = options.num_features();
  check<ValueError>(channels > 0, "{}: {} channels", Derived::kName, channels);
  weight = this->register_parameter("weight", options.affine() ? ones({channels}) : Tensor());
  bias = this->register_parameter("bias", options.affine() ? zeros({channels}) : Tensor());
  const bool track = options.track_running_stats();
  running_mean = this->register_buffer("running_mean", track ? zeros({channels}) : Tensor());
  running_var = this->register_buffer("running_var", track ? ones({channels}) : Tensor());
  num_batches_tracked = this->register_buffer("num_batches_tracked", track ? zeros({}, kInt64) : Tensor());
}

template <class Derived, class Options> void RunningNorm<Derived, Options>::reset_running_stats() {
  if (!options.track_running_stats()) return;
  init::zeros_(running_mean);
  init::ones_(running_var);
  init::zeros_(num_batches_tracked);
}

template <class Derived, class Options> void RunningNorm<Derived, Options>::reset_parameters() {
  reset_running_stats();
  reset_affine(weight, bias);
}

template <class Derived, class Options> void RunningNorm<Derived, Options>::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::" << Derived::kName << '(' << options.num_features() << ", eps=" << options.eps() << ", momentum=";
  if (options.momentum())
    stream << *options.momentum();
  else
    stream << "None";
  stream << ", affine=" << (options.affine() ? "true" : "false")
         << ", track_running_stats=" << (options.track_running_stats() ? "true" : "false") << ')';
}

template <class Derived, class Options> double RunningNorm<Derived, Options>::next_momentum() {
  if (!this->is_training() || !num_batches_tracked.defined()) return options.momentum().value_or(0);
  num_batches_tracked.add_(1);
  return options.momentum() ? *options.momentum() : 1 / num_batches_tracked.template item<double>();
}

template class RunningNorm<BatchNorm1dImpl, BatchNormOptions>;
template class RunningNorm<BatchNorm2dImpl, BatchNormOptions>;
template class RunningNorm<InstanceNorm1dImpl, InstanceNormOptions>;
template class RunningNorm<InstanceNorm2dImpl, InstanceNormOptions>;

Tensor BatchNorm1dImpl::forward(const Tensor& input) {
  check_dims("BatchNorm1d", input, 2, 3, "[N, C] or [N, C, L]");
  const double momentum = next_momentum();
  return batch_norm(input, weight, bias, running_mean, running_var, uses_input(), momentum, options.eps());
}

Tensor BatchNorm2dImpl::forward(const Tensor& input) {
  check_dims("BatchNorm2d", input, 4, 4, "[N, C, H, W]");
  const double momentum = next_momentum();
  return batch_norm(input, weight, bias, running_mean, running_var, uses_input(), momentum, options.eps());
}

Tensor BatchNorm2dImpl::forward_relu(const Tensor& input) {
  const autograd::LayerScope scope(registered_name());
  check_dims("BatchNorm2d", input, 4, 4, "[N, C, H, W]");
  const double momentum = next_momentum();
  return batch_norm_relu(input, weight, bias, running_mean, running_var, uses_input(), momentum, options.eps());
}

Tensor BatchNorm2dImpl::forward_add_relu(const Tensor& input, const Tensor& residual) {
  const autograd::LayerScope scope(registered_name());
  check_dims("BatchNorm2d", input, 4, 4, "[N, C, H, W]");
  const double momentum = next_momentum();
  return batch_norm_add_relu(input, residual, weight, bias, running_mean, running_var, uses_input(), momentum, options.eps());
}

Tensor InstanceNorm1dImpl::forward(const Tensor& input) {
  check_dims("InstanceNorm1d", input, 2, 3, "[N, C, L] or [C, L]");
  const Tensor x = input.dim() == 2 ? input.unsqueeze(0) : input;
  const double momentum = next_momentum();
  const Tensor out = functional::instance_norm(x, running_mean, running_var, weight, bias, uses_input(), momentum, options.eps());
  return input.dim() == 2 ? out.squeeze(0) : out;
}

Tensor InstanceNorm2dImpl::forward(const Tensor& input) {
  check_dims("InstanceNorm2d", input, 3, 4, "[N, C, H, W] or [C, H, W]");
  const Tensor x = input.dim() == 3 ? input.unsqueeze(0) : input;
  const double momentum = next_momentum();
  const Tensor out = functional::instance_norm(x, running_mean, running_var, weight, bias, uses_input(), momentum, options.eps());
  return input.dim() == 3 ? out.squeeze(0) : out;
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

void GroupNormImpl::reset_parameters() { reset_affine(weight, bias); }
void LayerNormImpl::reset_parameters() { reset_affine(weight, bias); }

Tensor LayerNormImpl::forward(const Tensor& input) {
  return layer_norm(input, options.normalized_shape(), weight, bias, options.eps());
}

}  // namespace tessera::nn
