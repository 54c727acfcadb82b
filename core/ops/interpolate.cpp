#include "core/ops/interpolate.h"

#include <cmath>

#include "core/autograd.h"
#include "core/kernel_table.h"
#include "core/ops/copy.h"
#include "core/ops/creation.h"
#include "kernels/interpolate/interpolate.h"

namespace tessera {
namespace {

using autograd::BackwardContext;
using kernels::InterpolateParams;

// A method of resampling and its gradient. Both are linear and each is the gradient of the other, so that either can be
// differentiated any number of times.
struct Resampling {
  const char* name;
  const char* gradient_name;
  Kernel<kernels::InterpolateForward> forward;
  Kernel<kernels::InterpolateBackward> backward;
};
const Resampling nearest2d{"upsample_nearest2d", "upsample_nearest2d_backward", TESSERA_KERNEL(nearest2d_forward),
                           TESSERA_KERNEL(nearest2d_backward)};
const Resampling bilinear2d{"upsample_bilinear2d", "upsample_bilinear2d_backward", TESSERA_KERNEL(bilinear2d_forward),
                            TESSERA_KERNEL(bilinear2d_backward)};

Tensor empty_image(const Tensor& x, int64_t height, int64_t width) {
  return empty({x.size(0), x.size(1), height, width}, x.options().memory_format(x.suggest_memory_format()));
}

Tensor enlarge_gradient(const Resampling& method, const Tensor& g, int64_t height, int64_t width,
                        const InterpolateParams& params);

Tensor enlarge(const Resampling& method, const Tensor& x, int64_t height, int64_t width, const InterpolateParams& params) {
  Tensor out = empty_image(x, height, width);
  method.forward(x.device(), out.as_view(), x.as_view(), params);
  return autograd::record(method.name, {x}, out, {},
                          [&method, params, height = x.size(2), width = x.size(3),
                           format = x.suggest_memory_format()](const BackwardContext& ctx) -> variable_list {
                            return {enlarge_gradient(method, contiguous(ctx.grad(), format), height, width, params)};
                          });
}

Tensor enlarge_gradient(const Resampling& method, const Tensor& g, int64_t height, int64_t width,
                        const InterpolateParams& params) {
  Tensor grad = empty_image(g, height, width);
  method.backward(g.device(), grad.as_view(), g.as_view(), params);
  return autograd::record(method.gradient_name, {g}, grad, {},
                          [&method, params, height = g.size(2), width = g.size(3),
                           format = g.suggest_memory_format()](const BackwardContext& ctx) -> variable_list {
                            return {enlarge(method, contiguous(ctx.grad(), format), height, width, params)};
                          });
}

Tensor upsample(const Resampling& method, const Tensor& input, IntArrayRef output_size, bool align_corners,
                std::optional<double> scales_h, std::optional<double> scales_w) {
  const char* const op = method.name;
  check<TypeError>(input.is_floating_point(), "{}: input is {}, not a floating-point tensor. Convert with to(kFloat).", op,
                   input.dtype());
  check<ShapeError>(input.dim() == 4, "{}: input of shape {} is not [N, C, H, W].", op, input.sizes());
  check<ValueError>(output_size.size() == 2, "{}: output_size {} must be {{height, width}}.", op, output_size);
  check<ShapeError>(input.size(2) > 0 && input.size(3) > 0 && output_size[0] > 0 && output_size[1] > 0,
                    "{}: input {} and output size {} must have at least one pixel.", op, input.sizes(), output_size);
  const MemoryFormat format = input.suggest_memory_format();
  const Tensor x = contiguous(input, format);
  const int64_t height = x.size(2), width = x.size(3);
  // Source pixels per output pixel; a factor that is no positive number does not count, as in PyTorch.
  const auto step = [](std::optional<double> scale, int64_t in, int64_t out) {
    return scale.has_value() && *scale > 0 ? 1 / *scale : static_cast<double>(in) / static_cast<double>(out);
  };
  const InterpolateParams params{align_corners, step(scales_h, height, output_size[0]), step(scales_w, width, output_size[1])};
  return enlarge(method, x, output_size[0], output_size[1], params);
}

}  // namespace

Tensor upsample_nearest2d(const Tensor& input, IntArrayRef output_size, std::optional<double> scales_h,
                          std::optional<double> scales_w) {
  return upsample(nearest2d, input, output_size, false, scales_h, scales_w);
}

Tensor upsample_bilinear2d(const Tensor& input, IntArrayRef output_size, bool align_corners, std::optional<double> scales_h,
                           std::optional<double> scales_w) {
  return upsample(bilinear2d, input, output_size, align_corners, scales_h, scales_w);
}

Tensor interpolate(const Tensor& input, const InterpolateOptions& options) {
  check<ShapeError>(input.dim() == 4, "interpolate: input of shape {} is not [N, C, H, W].", input.sizes());
  check<ValueError>(options.size.has_value() != options.scale_factor.has_value(),
                    "interpolate: give exactly one of size and scale_factor.");
  check<ValueError>(options.mode == InterpolateMode::Bilinear || !options.align_corners.has_value(),
                    "interpolate: align_corners is an option of the bilinear mode only.");
  const size_t count = options.size ? options.size->size() : options.scale_factor->size();
  check<ValueError>(count == 1 || count == 2, "interpolate: size or scale_factor has {} numbers. Give one, or {{height, width}}.",
                    count);
  DimVector size;
  std::optional<double> scales[2];
  for (size_t axis = 0; axis < 2; ++axis) {
    const size_t i = axis % count;
    if (options.size) {
      size.push_back((*options.size)[i]);
    } else {
      const double factor = (*options.scale_factor)[i];
      check<ValueError>(factor > 0 && std::isfinite(factor), "interpolate: scale_factor {} must be a positive number.", factor);
      size.push_back(static_cast<int64_t>(std::floor(static_cast<double>(input.size(2 + static_cast<int64_t>(axis))) * factor)));
      if (!options.recompute_scale_factor) scales[axis] = factor;
    }
  }
  if (options.mode == InterpolateMode::Nearest) return upsample_nearest2d(input, size, scales[0], scales[1]);
  return upsample_bilinear2d(input, size, options.align_corners.value_or(false), scales[0], scales[1]);
}

}  // namespace tessera
