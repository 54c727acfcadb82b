#include "core/ops/pool.h"

#include "core/autograd.h"
#include "core/kernel_table.h"
#include "core/ops/copy.h"
#include "core/ops/creation.h"
#include "core/ops/index.h"
#include "core/ops/shape.h"
#include "kernels/pool/cudnn.h"

namespace tessera {
namespace {

using autograd::BackwardContext;
using kernels::Pool2dParams;

const Kernel<kernels::MaxPool2dForward> max_pool2d_forward = TESSERA_KERNEL(max_pool2d_forward);
const Kernel<kernels::MaxPool2dValues> max_pool2d_values = TESSERA_KERNEL_AND_CUDNN(max_pool2d_values);
const Kernel<kernels::MaxPool2dBackward> max_pool2d_backward = TESSERA_KERNEL(max_pool2d_backward);
const Kernel<kernels::AvgPool2dForward> avg_pool2d_forward = TESSERA_KERNEL_AND_CUDNN(avg_pool2d_forward);
const Kernel<kernels::AvgPool2dBackward> avg_pool2d_backward = TESSERA_KERNEL_AND_CUDNN(avg_pool2d_backward);
const Kernel<kernels::AdaptiveAvgPool2dForward> adaptive_avg_pool2d_forward = TESSERA_KERNEL(adaptive_avg_pool2d_forward);
const Kernel<kernels::AdaptiveAvgPool2dBackward> adaptive_avg_pool2d_backward = TESSERA_KERNEL(adaptive_avg_pool2d_backward);

std::array<int64_t, 2> pair(const char* op, const char* name, IntArrayRef values, int64_t least) {
  check<ValueError>(values.size() == 1 || values.size() == 2, "{}: {} {} must be one number or {{height, width}}.", op, name,
                    values);
  check<ValueError>(values[0] >= least && values.back() >= least, "{}: {} {} must be at least {}.", op, name, values, least);
  return {values[0], values.back()};
}

Pool2dParams window_params(const char* op, IntArrayRef kernel, IntArrayRef stride, IntArrayRef padding, IntArrayRef dilation) {
  Pool2dParams p;
  p.kernel = pair(op, "kernel_size", kernel, 1);
  p.stride = pair(op, "stride", stride.empty() ? kernel : stride, 1);
  p.padding = pair(op, "padding", padding, 0);
  p.dilation = pair(op, "dilation", dilation, 1);
  check<ValueError>(2 * p.padding[0] <= p.kernel[0] && 2 * p.padding[1] <= p.kernel[1],
                    "{}: padding {} is more than half of kernel_size {}.", op, padding, kernel);
  return p;
}

void check_image(const char* op, const Tensor& input) {
  check<TypeError>(input.is_floating_point(), "{}: input is {}, not a floating-point tensor. Convert with to(kFloat).", op,
                   input.dtype());
  check<ShapeError>(input.dim() == 3 || input.dim() == 4, "{}: input of shape {} is neither [C, H, W] nor [N, C, H, W].", op,
                    input.sizes());
}

// A batch of images, dense, in its own memory format.
Tensor as_batch(const Tensor& input) {
  const Tensor batch = input.dim() == 3 ? unsqueeze(input, 0) : input;
  return contiguous(batch, batch.suggest_memory_format());
}

Tensor like_input(const Tensor& batch, const Tensor& input) {
  return input.dim() == 3 ? squeeze(batch, 0) : batch;
}

// An uninitialised [N, C, height, width] in x's memory format.
Tensor empty_image(const Tensor& x, int64_t height, int64_t width, ScalarType dtype) {
  return empty({x.size(0), x.size(1), height, width}, x.options().dtype(dtype).memory_format(x.suggest_memory_format()));
}

int64_t output_size(const char* op, const Tensor& x, const Pool2dParams& p, size_t axis, bool ceil_mode) {
  const int64_t in = x.size(2 + static_cast<int64_t>(axis)),
                free = in + 2 * p.padding[axis] - p.dilation[axis] * (p.kernel[axis] - 1) - 1;
  int64_t out = free < 0 ? 0 : (free + (ceil_mode ? p.stride[axis] - 1 : 0)) / p.stride[axis] + 1;
  if (ceil_mode && (out - 1) * p.stride[axis] >= in + p.padding[axis]) --out;
  check<ShapeError>(out > 0, "{}: input {} is smaller than the window: kernel_size {}, dilation {}, padding {}.", op, x.sizes(),
                    IntArrayRef(p.kernel), IntArrayRef(p.dilation), IntArrayRef(p.padding));
  return out;
}

// The gradients are linear functions of g, with kernels of their own. Each is an op: its gradient is the pooling again, so that a
// pooling can be differentiated any number of times.

// g scattered to where the maxima were found.
Tensor max_unpool(const Tensor& grad_out, const Tensor& indices, const Pool2dParams& p, int64_t height, int64_t width) {
  const Tensor g = contiguous(grad_out, indices.suggest_memory_format());
  Tensor grad = empty_image(indices, height, width, g.dtype());
  max_pool2d_backward(g.device(), grad.as_view(), g.as_view(), indices.as_view(), p);
  return autograd::record("max_pool2d_backward", {g}, grad, {indices}, [](const BackwardContext& ctx) -> variable_list {
    const Tensor indices = ctx.saved(0);
    return {reshape(gather(flatten(ctx.grad(), 2), 2, flatten(to(indices, kInt64), 2)), indices.sizes())};
  });
}

Tensor average(const Tensor& x, const Pool2dParams& p, int64_t height, int64_t width);
Tensor adaptive_average(const Tensor& x, int64_t height, int64_t width);

// g shared out over the windows.
Tensor spread(const Tensor& grad_out, const Pool2dParams& p, int64_t height, int64_t width, MemoryFormat format) {
  const Tensor g = contiguous(grad_out, format);
  Tensor grad = empty({g.size(0), g.size(1), height, width}, g.options().memory_format(format));
  avg_pool2d_backward(g.device(), grad.as_view(), g.as_view(), p);
  return autograd::record(
      "avg_pool2d_backward", {g}, grad, {},
      [p, out_height = g.size(2), out_width = g.size(3), format](const BackwardContext& ctx) -> variable_list {
        return {average(contiguous(ctx.grad(), format), p, out_height, out_width)};
      });
}

Tensor adaptive_spread(const Tensor& grad_out, int64_t height, int64_t width, MemoryFormat format) {
  const Tensor g = contiguous(grad_out, format);
  Tensor grad = empty({g.size(0), g.size(1), height, width}, g.options().memory_format(format));
  adaptive_avg_pool2d_backward(g.device(), grad.as_view(), g.as_view());
  return autograd::record("adaptive_avg_pool2d_backward", {g}, grad, {},
                          [out_height = g.size(2), out_width = g.size(3), format](const BackwardContext& ctx) -> variable_list {
                            return {adaptive_average(contiguous(ctx.grad(), format), out_height, out_width)};
                          });
}

Tensor average(const Tensor& x, const Pool2dParams& p, int64_t height, int64_t width) {
  Tensor out = empty_image(x, height, width, x.dtype());
  avg_pool2d_forward(x.device(), out.as_view(), x.as_view(), p);
  return autograd::record(
      "avg_pool2d", {x}, out, {},
      [p, in_height = x.size(2), in_width = x.size(3), format = x.suggest_memory_format()](
          const BackwardContext& ctx) -> variable_list { return {spread(ctx.grad(), p, in_height, in_width, format)}; });
}

Tensor adaptive_average(const Tensor& x, int64_t height, int64_t width) {
  Tensor out = empty_image(x, height, width, x.dtype());
  adaptive_avg_pool2d_forward(x.device(), out.as_view(), x.as_view());
  return autograd::record(
      "adaptive_avg_pool2d", {x}, out, {},
      [in_height = x.size(2), in_width = x.size(3), format = x.suggest_memory_format()](
          const BackwardContext& ctx) -> variable_list { return {adaptive_spread(ctx.grad(), in_height, in_width, format)}; });
}

// {values, int32 indices} of a batch. The indices are undefined where neither the caller nor a gradient wants them.
std::pair<Tensor, Tensor> max_pool(const char* op, const Tensor& x, const Pool2dParams& p, bool ceil_mode, bool want_indices) {
  check<ShapeError>(x.size(2) * x.size(3) <= INT32_MAX, "{}: input {} has more pixels than a 32-bit index counts.", op,
                    x.sizes());
  const int64_t height = output_size(op, x, p, 0, ceil_mode), width = output_size(op, x, p, 1, ceil_mode);
  Tensor out = empty_image(x, height, width, x.dtype());
  if (!want_indices && !autograd::any_requires_grad({x})) {
    max_pool2d_values(x.device(), out.as_view(), x.as_view(), p);
    return {out, Tensor()};
  }
  const Tensor indices = empty_image(x, height, width, kInt32);
  max_pool2d_forward(x.device(), out.as_view(), indices.as_view(), x.as_view(), p);
  autograd::record(op, {x}, out, {indices},
                   [p, height = x.size(2), width = x.size(3)](const BackwardContext& ctx) -> variable_list {
                     return {max_unpool(ctx.grad(), ctx.saved(0), p, height, width)};
                   });
  return {out, indices};
}

}  // namespace

Tensor max_pool2d(const Tensor& input, IntArrayRef kernel_size, IntArrayRef stride, IntArrayRef padding, IntArrayRef dilation,
                  bool ceil_mode) {
  check_image("max_pool2d", input);
  const Pool2dParams p = window_params("max_pool2d", kernel_size, stride, padding, dilation);
  return like_input(max_pool("max_pool2d", as_batch(input), p, ceil_mode, /*want_indices=*/false).first, input);
}

std::tuple<Tensor, Tensor> max_pool2d_with_indices(const Tensor& input, IntArrayRef kernel_size, IntArrayRef stride,
                                                   IntArrayRef padding, IntArrayRef dilation, bool ceil_mode) {
  check_image("max_pool2d_with_indices", input);
  const Pool2dParams p = window_params("max_pool2d_with_indices", kernel_size, stride, padding, dilation);
  const auto [out, indices] = max_pool("max_pool2d_with_indices", as_batch(input), p, ceil_mode, /*want_indices=*/true);
  return {like_input(out, input), like_input(to(indices, kInt64), input)};
}

Tensor avg_pool2d(const Tensor& input, IntArrayRef kernel_size, IntArrayRef stride, IntArrayRef padding, bool ceil_mode,
                  bool count_include_pad, std::optional<int64_t> divisor_override) {
  check_image("avg_pool2d", input);
  check<ValueError>(divisor_override != 0, "avg_pool2d: divisor_override must not be 0.");
  Pool2dParams p = window_params("avg_pool2d", kernel_size, stride, padding, 1);
  p.count_include_pad = count_include_pad;
  p.divisor_override = divisor_override.value_or(0);
  const Tensor x = as_batch(input);
  const int64_t height = output_size("avg_pool2d", x, p, 0, ceil_mode), width = output_size("avg_pool2d", x, p, 1, ceil_mode);
  return like_input(average(x, p, height, width), input);
}

Tensor adaptive_avg_pool2d(const Tensor& input, IntArrayRef output_size) {
  check_image("adaptive_avg_pool2d", input);
  const auto [height, width] = pair("adaptive_avg_pool2d", "output_size", output_size, 1);
  const Tensor x = as_batch(input);
  check<ShapeError>(x.size(2) > 0 && x.size(3) > 0, "adaptive_avg_pool2d: input {} has no pixels to average.", input.sizes());
  return like_input(adaptive_average(x, height, width), input);
}

}  // namespace tessera
