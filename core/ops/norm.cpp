#include "core/ops/norm.h"

#include "core/autocast.h"
#include "core/autograd.h"
#include "core/kernel_table.h"
#include "core/ops/binary.h"
#include "core/ops/copy.h"
#include "core/ops/creation.h"
#include "core/ops/shape.h"
#include "kernels/batch_norm/cudnn.h"
#include "kernels/row_norm/row_norm.h"

namespace tessera {
namespace {

using autograd::BackwardContext;

const Kernel<kernels::BatchNormTrainingStatistics> batch_norm_training_statistics =
    TESSERA_KERNEL(batch_norm_training_statistics);
const Kernel<kernels::BatchNormUpdate> batch_norm_update = TESSERA_REFERENCE_KERNEL(batch_norm_update);
const Kernel<kernels::BatchNormForward> batch_norm_forward = TESSERA_KERNEL(batch_norm_forward);
const Kernel<kernels::BatchNormBackwardReduce> batch_norm_backward_reduce = TESSERA_KERNEL(batch_norm_backward_reduce);
const Kernel<kernels::BatchNormBackward> batch_norm_backward = TESSERA_KERNEL(batch_norm_backward);
const Kernel<kernels::BatchNormAddReluForward> batch_norm_add_relu_forward =
    TESSERA_REFERENCE_KERNEL(batch_norm_add_relu_forward);
const Kernel<kernels::BatchNormAddReluReduce> batch_norm_add_relu_reduce = TESSERA_REFERENCE_KERNEL(batch_norm_add_relu_reduce);
const Kernel<kernels::cudnn::BatchNormTraining> batch_norm_training = TESSERA_CUDNN_ONLY_KERNEL(batch_norm_training);
const Kernel<kernels::cudnn::BatchNormTrainingBackward> batch_norm_training_backward =
    TESSERA_CUDNN_ONLY_KERNEL(batch_norm_training_backward);
const Kernel<kernels::RowNormForward> row_norm_forward = TESSERA_KERNEL(row_norm_forward);
const Kernel<kernels::RowNormBackward> row_norm_backward = TESSERA_KERNEL(row_norm_backward);

// Statistics of half tensors are kept in float32.
ScalarType statistics_type(const Tensor& input) {
  return input.dtype() == kFloat64 ? kFloat64 : kFloat32;
}

View view_or_none(const Tensor& t) {
  return t.defined() ? t.as_view() : View{};
}

// [N, C], [N, C, L] and [N, C, H, W] as the four dimensions that the kernels see.
View image_view(const Tensor& t) {
  View view = t.as_view();
  for (; view.ndim < 4; ++view.ndim)
    view.sizes[static_cast<size_t>(view.ndim)] = view.strides[static_cast<size_t>(view.ndim)] = 1;
  return view;
}

void check_channels(const char* op, const char* name, const Tensor& t, const Tensor& input) {
  if (!t.defined()) return;
  check<ShapeError>(t.dim() == 1 && t.size(0) == input.size(1),
                    "{}: {} of shape {} does not fit input {}: one value a channel is needed.", op, name, t.sizes(),
                    input.sizes());
  check<TypeError>(t.is_floating_point(), "{}: {} is {}, not a floating-point tensor.", op, name, t.dtype());
}

// What follows the normalisation in the same passes.
enum class After : uint8_t { Nothing, Relu, AddRelu };

// A gradient in the memory format of x. The CUDA kernels also take the channels-last slices that cat's gradient consists of.
Tensor in_format_of(const Tensor& g, const Tensor& x) {
  const bool slice = x.is_cuda() && x.dim() == 4 && x.suggest_memory_format() == MemoryFormat::ChannelsLast && g.stride(1) == 1 &&
                     g.stride(3) >= g.size(1) && g.stride(2) == g.size(3) * g.stride(3) && g.stride(0) == g.size(2) * g.stride(2);
  return slice ? g : contiguous(g, x.suggest_memory_format());
}

// The gradients of input, weight, bias and residual. saved: input, mean, invstd, weight, bias, and out for AddRelu.
variable_list batch_norm_gradients(const BackwardContext& ctx, bool training, After after) {
  const Tensor x = ctx.saved(0), mean = ctx.saved(1), invstd = ctx.saved(2);
  Tensor g = in_format_of(ctx.grad(), x);
  kernels::BatchNormChannels channels{mean.as_view(), invstd.as_view(), view_or_none(ctx.saved(3)), view_or_none(ctx.saved(4)),
                                      after == After::Relu};
  const Tensor sum_dy = empty_like(mean), sum_dy_xhat = empty_like(mean);
  variable_list grads(after == After::AddRelu ? 4 : 3);
  if (training && after == After::Nothing && x.numel() > 0 && batch_norm_training_backward.chosen(x.device())) {
    grads = {empty_like(x), sum_dy_xhat, sum_dy};
    batch_norm_training_backward(x.device(), image_view(grads[0]), sum_dy.as_view(), sum_dy_xhat.as_view(), image_view(g),
                                 image_view(x), channels);
    return grads;
  }
  if (after == After::AddRelu) {
    const Tensor masked = empty_like(x);
    batch_norm_add_relu_reduce(x.device(), sum_dy.as_view(), sum_dy_xhat.as_view(), image_view(masked), image_view(g),
                               image_view(ctx.saved(5)), image_view(x), channels);
    if (ctx.needs_grad(3)) grads[3] = masked;
    g = masked;
  } else if (training || ctx.needs_grad(1) || ctx.needs_grad(2)) {
    batch_norm_backward_reduce(x.device(), sum_dy.as_view(), sum_dy_xhat.as_view(), image_view(g), image_view(x), channels);
  }
  if (ctx.needs_grad(0)) {
    grads[0] = empty_like(x);
    batch_norm_backward(x.device(), image_view(grads[0]), image_view(g), image_view(x), channels, sum_dy.as_view(),
                        sum_dy_xhat.as_view(), training);
  }
  if (ctx.needs_grad(1)) grads[1] = sum_dy_xhat;
  if (ctx.needs_grad(2)) grads[2] = sum_dy;
  return grads;
}

Tensor normalize_batch(const char* op, const Tensor& input, const Tensor& weight, const Tensor& bias, const Tensor& running_mean,
                       const Tensor& running_var, bool training, double momentum, double eps, After after,
                       const Tensor& residual = {}) {
  check<TypeError>(input.is_floating_point(), "{}: input is {}, not a floating-point tensor. Convert with to(kFloat).", op,
                   input.dtype());
  check<ShapeError>(input.dim() >= 2 && input.dim() <= 4, "{}: input of shape {} is none of [N, C], [N, C, L], [N, C, H, W].", op,
                    input.sizes());
  check_channels(op, "weight", weight, input);
  check_channels(op, "bias", bias, input);
  check_channels(op, "running_mean", running_mean, input);
  check_channels(op, "running_var", running_var, input);
  const int64_t channels = input.size(1), values = channels == 0 ? 0 : input.numel() / channels;  // values a channel
  check<ShapeError>(!training || values > 1 || input.numel() == 0,
                    "{}: training needs more than one value a channel, input is {}. Use a larger batch, or evaluation mode.", op,
                    input.sizes());
  check<ValueError>(training || (running_mean.defined() && running_var.defined()),
                    "{}: evaluation mode needs running_mean and running_var. Pass them, or use training mode.", op);

  const Tensor x = contiguous(input, input.suggest_memory_format());
  // Copies even in evaluation: the running statistics may move before backward reads what was saved.
  const TensorOptions options = x.options().dtype(statistics_type(x));
  const Tensor mean = training ? empty({channels}, options) : to(running_mean.detach(), statistics_type(x), /*copy=*/true);
  const Tensor invstd = empty({channels}, options);
  const Tensor scale = weight.defined() ? contiguous(weight) : weight, shift = bias.defined() ? contiguous(bias) : bias;
  Tensor out = empty_like(x);
  const kernels::BatchNormChannels per_channel{mean.as_view(), invstd.as_view(), view_or_none(scale), view_or_none(shift),
                                               after != After::Nothing};
  const bool moves = training && input.numel() > 0;  // an empty batch tells nothing
  const View moving_mean = moves ? view_or_none(running_mean) : View{}, moving_var = moves ? view_or_none(running_var) : View{};
  const bool by_cudnn = moves && after == After::Nothing && batch_norm_training.chosen(x.device());
  if (by_cudnn) {
    batch_norm_training(x.device(), image_view(out), image_view(x), per_channel, moving_mean, moving_var, momentum, eps);
  } else if (training) {
    const double bessel = values > 1 ? static_cast<double>(values) / static_cast<double>(values - 1) : 1;
    batch_norm_training_statistics(x.device(), mean.as_view(), invstd.as_view(), moving_mean, moving_var, image_view(x), momentum,
                                   bessel, eps);
  } else {
    batch_norm_update(x.device(), invstd.as_view(), View{}, View{}, mean.as_view(), running_var.as_view(), 0.0, 1.0, eps);
  }
  if (training)
    for (const Tensor& running : {running_mean, running_var})
      if (running.defined()) running.storage()->bump_version();

  const auto backward = [training, after](const BackwardContext& ctx) { return batch_norm_gradients(ctx, training, after); };
  if (after == After::AddRelu) {
    const Tensor z = contiguous(residual, x.suggest_memory_format());
    batch_norm_add_relu_forward(x.device(), image_view(out), image_view(x), image_view(z), per_channel);
    return autograd::record_once(op, {x, scale, shift, z}, out, {x, mean, invstd, scale, shift, out}, backward);
  }
  if (!by_cudnn) batch_norm_forward(x.device(), image_view(out), image_view(x), per_channel);
  return autograd::record_once(op, {x, scale, shift}, out, {x, mean, invstd, scale, shift}, backward);
}

// A contiguous tensor as a matrix of `rows` rows.
View matrix_view(const Tensor& t, int64_t rows) {
  View view = t.as_view();
  view.ndim = 2;
  view.sizes[0] = rows;
  view.sizes[1] = view.strides[0] = rows == 0 ? 0 : t.numel() / rows;
  view.strides[1] = 1;
  return view;
}

// (x - mean) / sqrt(var + eps) over each of `rows` equal runs of the contiguous x.
Tensor normalize_rows(const char* op, const Tensor& x, int64_t rows, double eps) {
  const TensorOptions options = x.options().dtype(statistics_type(x));
  const Tensor mean = empty({rows}, options), invstd = empty({rows}, options);
  Tensor xhat = empty_like(x);
  if (x.numel() > 0) {
    row_norm_forward(x.device(), matrix_view(xhat, rows), mean.as_view(), invstd.as_view(), matrix_view(x, rows), eps);
  }
  return autograd::record_once(op, {x}, xhat, {xhat, invstd}, [rows](const BackwardContext& ctx) -> variable_list {
    const Tensor y = ctx.saved(0), g = contiguous(ctx.grad());
    Tensor grad = empty_like(y);
    if (y.numel() > 0) {
      row_norm_backward(y.device(), matrix_view(grad, rows), matrix_view(g, rows), matrix_view(y, rows), ctx.saved(1).as_view());
    }
    return {grad};
  });
}

Tensor scale_and_shift(Tensor x, const Tensor& weight, const Tensor& bias) {
  if (weight.defined()) x = mul(x, weight);
  if (bias.defined()) x = add(x, bias);
  return x;
}

}  // namespace

Tensor batch_norm(const Tensor& input, const Tensor& weight, const Tensor& bias, const Tensor& running_mean,
                  const Tensor& running_var, bool training, double momentum, double eps) {
  return normalize_batch("batch_norm", input, weight, bias, running_mean, running_var, training, momentum, eps, After::Nothing);
}

Tensor batch_norm_relu(const Tensor& input, const Tensor& weight, const Tensor& bias, const Tensor& running_mean,
                       const Tensor& running_var, bool training, double momentum, double eps) {
  return normalize_batch("batch_norm_relu", input, weight, bias, running_mean, running_var, training, momentum, eps, After::Relu);
}

Tensor batch_norm_add_relu(const Tensor& input, const Tensor& residual, const Tensor& weight, const Tensor& bias,
                           const Tensor& running_mean, const Tensor& running_var, bool training, double momentum, double eps) {
  const char* const op = "batch_norm_add_relu";
  check<ShapeError>(residual.sizes() == input.sizes(), "{}: the residual has shape {}, the input {}", op, residual.sizes(),
                    input.sizes());
  if (input.is_cuda() && residual.dtype() == input.dtype())
    return normalize_batch(op, input, weight, bias, running_mean, running_var, training, momentum, eps, After::AddRelu, residual);
  // In place: nothing saves the normalised tensor.
  Tensor out = batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps);
  return relu_(out.add_(residual));
}

Tensor layer_norm(const Tensor& input, IntArrayRef normalized_shape, const Tensor& weight, const Tensor& bias, double eps) {
  check<TypeError>(input.is_floating_point(), "layer_norm: input is {}, not a floating-point tensor. Convert with to(kFloat).",
                   input.dtype());
  const int64_t outer = input.dim() - static_cast<int64_t>(normalized_shape.size());
  check<ShapeError>(
      !normalized_shape.empty() && outer >= 0 &&
          IntArrayRef(input.sizes().data() + std::max<int64_t>(outer, 0), normalized_shape.size()) == normalized_shape,
      "layer_norm: input {} does not end in normalized_shape {}.", input.sizes(), normalized_shape);
  for (const Tensor& t : {weight, bias})
    check<ShapeError>(!t.defined() || t.sizes() == normalized_shape,
                      "layer_norm: weight and bias must have normalized_shape {}, not {}.", normalized_shape,
                      t.defined() ? t.sizes() : IntArrayRef());
  int64_t rows = 1;
  for (int64_t d = 0; d < outer; ++d) rows *= input.size(d);
  const Tensor x = contiguous(autocast::widen(input));
  return scale_and_shift(normalize_rows("layer_norm", x, rows, eps), weight, bias);
}

Tensor group_norm(const Tensor& input, int64_t num_groups, const Tensor& weight, const Tensor& bias, double eps) {
  check<TypeError>(input.is_floating_point(), "group_norm: input is {}, not a floating-point tensor. Convert with to(kFloat).",
                   input.dtype());
  check<ShapeError>(input.dim() >= 2, "group_norm: input of shape {} has no channels. It must be [N, C, ...].", input.sizes());
  check<ShapeError>(num_groups > 0 && input.size(1) % num_groups == 0,
                    "group_norm: {} channels of input {} do not split into {} groups.", input.size(1), input.sizes(), num_groups);
  check_channels("group_norm", "weight", weight, input);
  check_channels("group_norm", "bias", bias, input);
  const MemoryFormat format = input.suggest_memory_format();
  const Tensor x = contiguous(autocast::widen(input));
  const Tensor xhat = contiguous(normalize_rows("group_norm", x, input.size(0) * num_groups, eps), format);
  DimVector per_channel(static_cast<size_t>(input.dim() - 1), 1);  // [C, 1, 1]: broadcasts over the pixels
  per_channel[0] = input.size(1);
  return scale_and_shift(xhat, weight.defined() ? view(weight, per_channel) : weight,
                         bias.defined() ? view(bias, per_channel) : bias);
}

}  // namespace tessera
