// Three maps, each linear in two operands, and each the gradient of the others:
//
//     forward      (input, weight)    -> out              conv2d
//     input_grad   (grad_out, weight) -> grad_input       conv_transpose2d
//     weight_grad  (input, grad_out)  -> grad_weight
//
// All are gradients of the one trilinear form dot(out, conv2d(input, weight)). So the backward of each consists of the other two,
// and derivatives of any order exist.
#include "core/ops/conv.h"

#include "core/autocast.h"
#include "core/autograd.h"
#include "core/kernel_table.h"
#include "core/ops/copy.h"
#include "core/ops/creation.h"
#include "core/ops/reduce.h"
#include "core/ops/shape.h"
#include "core/precision.h"
#include "kernels/conv2d/conv2d.h"
#include "kernels/conv2d/cudnn.h"

namespace tessera {
namespace {

using autograd::BackwardContext;
using autograd::record;
using kernels::Conv2dParams;

const Kernel<kernels::Conv2dForward> conv2d_forward_kernel = TESSERA_KERNEL_AND_CUDNN(conv2d_forward);
const Kernel<kernels::Conv2dInputGrad> conv2d_input_grad_kernel = TESSERA_KERNEL_AND_CUDNN(conv2d_input_grad);
const Kernel<kernels::Conv2dWeightGrad> conv2d_weight_grad_kernel = TESSERA_KERNEL_AND_CUDNN(conv2d_weight_grad);

// A weight or a bias. Under autocast the kernels read a copy of lower precision, and the gradient goes straight to the float32
// original, as float32: nothing is rounded on its way.
struct Parameter {
  Tensor value, original;
  Parameter() = default;
  Parameter(const Tensor& x) : value(x), original(x) {}  // NOLINT: implicit
  static Parameter lowered(const Tensor& x) {
    Parameter result(x);
    result.value = autocast::lower(x);
    return result;
  }
};

// How a gradient of a weight is to lie in memory.
struct Form {
  Layout layout;
  ScalarType dtype;
  explicit Form(const Tensor& x) : layout(x.layout().fresh_like()), dtype(x.dtype()) {}
  Form(IntArrayRef sizes, ScalarType dtype) : layout(Layout::of(sizes)), dtype(dtype) {}
};

Tensor input_grad(const char* name, IntArrayRef sizes, const Tensor& grad_out, const Parameter& weight, const Parameter& bias,
                  const Conv2dParams& params);
Tensor weight_grad(const Form& form, const Tensor& input, const Tensor& grad_out, const Conv2dParams& params);

// A convolution keeps the memory order of what comes in. Expanded gradients have none of their own and get channels-last.
MemoryFormat format_like(const Tensor& x) {
  return x.layout().is_dense() ? x.suggest_memory_format() : kChannelsLast;
}

Tensor sum_over_pixels(const Tensor& x, ScalarType dtype) { return sum(x, {0, 2, 3}, /*keepdim=*/false, dtype); }

ScalarType dtype_or_none(const Tensor& x) { return x.defined() ? x.dtype() : kFloat32; }

// What is saved for backward: an operand, only if the gradient of the other one will be asked for.
Tensor keep_for(const Tensor& operand, const Tensor& other) {
  return other.requires_grad() ? operand : Tensor();
}

Tensor forward(const Tensor& input, const Parameter& weight, const Parameter& bias, const Conv2dParams& params, IntArrayRef sizes) {
  const Tensor out = empty(sizes, input.options().memory_format(format_like(input)));
  const View bias_view = bias.value.defined() ? bias.value.as_view() : View{};
  conv2d_forward_kernel(input.device(), out.as_view(), input.as_view(), weight.value.as_view(),
                        bias.value.defined() ? &bias_view : nullptr, params);
  return record("conv2d", {input, weight.original, bias.original}, out,
                {keep_for(input, weight.original), keep_for(weight.value, input)},
                [params, input_sizes = input.layout().sizes, form = Form(weight.original),
                 bias_dtype = dtype_or_none(bias.original)](const BackwardContext& ctx) {
                  const Tensor& g = ctx.grad();
                  variable_list grads(3);
                  if (ctx.needs_grad(0)) grads[0] = input_grad("conv2d_input_grad", input_sizes, g, ctx.saved(1), {}, params);
                  if (ctx.needs_grad(1)) grads[1] = weight_grad(form, ctx.saved(0), g, params);
                  if (ctx.needs_grad(2)) grads[2] = sum_over_pixels(g, bias_dtype);
                  return grads;
                });
}

Tensor input_grad(const char* name, IntArrayRef sizes, const Tensor& grad_out, const Parameter& weight, const Parameter& bias,
                  const Conv2dParams& params) {
  const Tensor out = empty(sizes, grad_out.options().memory_format(format_like(grad_out)));
  const View bias_view = bias.value.defined() ? bias.value.as_view() : View{};
  conv2d_input_grad_kernel(grad_out.device(), out.as_view(), grad_out.as_view(), weight.value.as_view(),
                           bias.value.defined() ? &bias_view : nullptr, params);
  return record(name, {grad_out, weight.original, bias.original}, out,
                {keep_for(grad_out, weight.original), keep_for(weight.value, grad_out)},
                [params, out_sizes = grad_out.layout().sizes, form = Form(weight.original),
                 bias_dtype = dtype_or_none(bias.original)](const BackwardContext& ctx) {
                  const Tensor& g = ctx.grad();
                  variable_list grads(3);
                  if (ctx.needs_grad(0)) grads[0] = forward(g, ctx.saved(1), {}, params, out_sizes);
                  if (ctx.needs_grad(1)) grads[1] = weight_grad(form, g, ctx.saved(0), params);
                  if (ctx.needs_grad(2)) grads[2] = sum_over_pixels(g, bias_dtype);
                  return grads;
                });
}

Tensor weight_grad(const Form& form, const Tensor& input, const Tensor& grad_out, const Conv2dParams& params) {
  const Tensor out = make_tensor(form.layout, form.dtype, input.device());
  conv2d_weight_grad_kernel(input.device(), out.as_view(), input.as_view(), grad_out.as_view(), params);
  return record("conv2d_weight_grad", {input, grad_out}, out, {keep_for(input, grad_out), keep_for(grad_out, input)},
                [params, dtype = input.dtype(), input_sizes = input.layout().sizes,
                 out_sizes = grad_out.layout().sizes](const BackwardContext& ctx) {
                  const Tensor g = to(ctx.grad(), dtype);
                  variable_list grads(2);
                  if (ctx.needs_grad(0)) grads[0] = input_grad("conv2d_input_grad", input_sizes, ctx.saved(1), g, {}, params);
                  if (ctx.needs_grad(1)) grads[1] = forward(ctx.saved(0), g, {}, params, out_sizes);
                  return grads;
                });
}

// --- Checks ------------------------------------------------------------------------------------------------------------------

std::array<int64_t, 2> pair_of(const char* op, const char* what, IntArrayRef values, int64_t least) {
  check<ValueError>(values.size() == 1 || values.size() == 2, "{}: {} has {} numbers. Give one for both directions, or two.", op,
                    what, values.size());
  for (int64_t v : values) check<ValueError>(v >= least, "{}: {} is {}; it must be at least {}.", op, what, values, least);
  return {values[0], values.back()};
}

Conv2dParams make_params(const char* op, IntArrayRef stride, IntArrayRef padding, IntArrayRef dilation, int64_t groups) {
  check<ValueError>(groups >= 1, "{}: groups is {}; it must be at least 1.", op, groups);
  return {pair_of(op, "stride", stride, 1), pair_of(op, "padding", padding, 0), pair_of(op, "dilation", dilation, 1), groups,
          detail::float32_precision()};
}

void check_operands(const char* op, const char* first_name, const Tensor& first, const char* second_name, const Tensor& second,
                    const Tensor& bias = {}) {
  check<TypeError>(
      first.is_floating_point() && first.dtype() == second.dtype() && (!bias.defined() || bias.dtype() == first.dtype()),
      "{}: {} is {}, {} is {}{}. All must share one floating-point type; convert with to(dtype).", op, first_name, first.dtype(),
      second_name, second.dtype(), bias.defined() ? fmt::format(", bias is {}", bias.dtype()) : std::string());
  check<DeviceError>(first.device() == second.device() && (!bias.defined() || bias.device() == first.device()),
                     "{}: {} and {}, or the bias, are on different devices ({}, {}). Move them with to(device).", op, first_name,
                     second_name, first.device(), second.device());
}

void check_bias(const char* op, const Tensor& bias, int64_t channels) {
  if (!bias.defined()) return;
  check<ShapeError>(bias.dim() == 1 && bias.size(0) == channels, "{}: bias has shape {}, the output has {} channels.", op,
                    bias.sizes(), channels);
}

// The sizes of conv2d's output, after checking that input and weight fit.
DimVector output_sizes(const char* op, IntArrayRef input, IntArrayRef weight, const Conv2dParams& params) {
  check<ShapeError>(
      input.size() == 4 && weight.size() == 4,
      "{}: input of shape {} and weight of shape {}. Expected [N, C, H, W] (or [C, H, W]) and [out, in / groups, kH, kW].", op,
      input, weight);
  check<ShapeError>(
      input[1] == weight[1] * params.groups && weight[0] % params.groups == 0,
      "{}: input of shape {} does not fit weight of shape {} with groups {}: the input must have {} channels, and the "
      "groups must divide the {} output channels.",
      op, input, weight, params.groups, weight[1] * params.groups, weight[0]);
  DimVector sizes{input[0], weight[0]};
  for (int d = 0; d < 2; ++d) {
    const int64_t reach = params.dilation[d] * (weight[2 + d] - 1) + 1, padded = input[2 + d] + 2 * params.padding[d];
    check<ShapeError>(
        weight[2 + d] >= 1 && reach <= padded,
        "{}: the kernel spans {} {}, the padded input has {} (input {}, weight {}, padding {}, dilation {}). Pad more.", op,
        reach, d == 0 ? "rows" : "columns", padded, input, weight, params.padding[d], params.dilation[d]);
    sizes.push_back((padded - reach) / params.stride[d] + 1);
  }
  return sizes;
}

void check_output_sizes(const char* op, const Tensor& grad_out, IntArrayRef input, IntArrayRef weight,
                        const Conv2dParams& params) {
  const DimVector expected = output_sizes(op, input, weight, params);
  check<ShapeError>(grad_out.sizes() == expected, "{}: grad_out has shape {}; input {} and weight {} give {}.", op,
                    grad_out.sizes(), input, weight, expected);
}

}  // namespace

Tensor conv2d(const Tensor& given, const Tensor& weight, const Tensor& bias, IntArrayRef stride, IntArrayRef padding,
              IntArrayRef dilation, int64_t groups) {
  if (given.dim() == 3) return squeeze(conv2d(unsqueeze(given, 0), weight, bias, stride, padding, dilation, groups), 0);
  const Conv2dParams params = make_params("conv2d", stride, padding, dilation, groups);
  const Tensor input = autocast::lower(given);
  const Parameter filter = Parameter::lowered(weight), shift = Parameter::lowered(bias);
  check_operands("conv2d", "input", input, "weight", filter.value, shift.value);
  const DimVector sizes = output_sizes("conv2d", input.sizes(), weight.sizes(), params);
  check_bias("conv2d", bias, weight.size(0));
  return forward(input, filter, shift, params, sizes);
}

Tensor conv_transpose2d(const Tensor& given, const Tensor& weight, const Tensor& bias, IntArrayRef stride, IntArrayRef padding,
                        IntArrayRef output_padding, int64_t groups, IntArrayRef dilation) {
  constexpr const char* op = "conv_transpose2d";
  if (given.dim() == 3)
    return squeeze(conv_transpose2d(unsqueeze(given, 0), weight, bias, stride, padding, output_padding, groups, dilation), 0);
  const Conv2dParams params = make_params(op, stride, padding, dilation, groups);
  const std::array<int64_t, 2> extra = pair_of(op, "output_padding", output_padding, 0);
  const Tensor input = autocast::lower(given);
  const Parameter filter = Parameter::lowered(weight), shift = Parameter::lowered(bias);
  check_operands(op, "input", input, "weight", filter.value, shift.value);
  check<ShapeError>(
      input.dim() == 4 && weight.dim() == 4 && input.size(1) == weight.size(0) && weight.size(0) % groups == 0,
      "{}: input of shape {} does not fit weight of shape {} with groups {}. Expected [N, C, H, W] (or [C, H, W]) and "
      "[C, out / groups, kH, kW].",
      op, input.sizes(), weight.sizes(), groups);
  check_bias(op, bias, weight.size(1) * groups);
  DimVector sizes{input.size(0), weight.size(1) * groups};
  for (int d = 0; d < 2; ++d) {
    check<ValueError>(extra[d] < std::max(params.stride[d], params.dilation[d]),
                      "{}: output_padding {} must be less than stride {} or dilation {}.", op, extra[d], params.stride[d],
                      params.dilation[d]);
    sizes.push_back((input.size(2 + d) - 1) * params.stride[d] - 2 * params.padding[d] +
                    params.dilation[d] * (weight.size(2 + d) - 1) + extra[d] + 1);
    check<ShapeError>(input.size(2 + d) >= 1 && sizes.back() >= 1,
                      "{}: the output would have size {} in direction {} (input {}, weight {}, padding {}). Pad less.", op,
                      sizes.back(), d, input.sizes(), weight.sizes(), params.padding[d]);
  }
  return input_grad(op, sizes, input, filter, shift, params);
}

Tensor conv2d_input_grad(IntArrayRef input_sizes, const Tensor& weight, const Tensor& grad_out, IntArrayRef stride,
                         IntArrayRef padding, IntArrayRef dilation, int64_t groups) {
  constexpr const char* op = "conv2d_input_grad";
  const Conv2dParams params = make_params(op, stride, padding, dilation, groups);
  check_operands(op, "grad_out", grad_out, "weight", weight);
  check_output_sizes(op, grad_out, input_sizes, weight.sizes(), params);
  return input_grad(op, input_sizes, grad_out, weight, {}, params);
}

Tensor conv2d_weight_grad(const Tensor& input, IntArrayRef weight_sizes, const Tensor& grad_out, IntArrayRef stride,
                          IntArrayRef padding, IntArrayRef dilation, int64_t groups) {
  constexpr const char* op = "conv2d_weight_grad";
  const Conv2dParams params = make_params(op, stride, padding, dilation, groups);
  check_operands(op, "input", input, "grad_out", grad_out);
  check_output_sizes(op, grad_out, input.sizes(), weight_sizes, params);
  return weight_grad(Form(weight_sizes, input.dtype()), input, grad_out, params);
}

}  // namespace tessera
