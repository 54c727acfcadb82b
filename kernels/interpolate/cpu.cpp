// Resampling on the CPU: lists the taps of both axes and leaves the arithmetic to kernels/resample, where mapping and memory
// traffic are described. Tensors with gaps and mixed memory orders are rare here: the reference serves them.
#include "kernels/interpolate/interpolate.h"
#include "kernels/resample/resample.h"

namespace tessera::kernels::cpu {
namespace {

AxisTaps nearest_taps(int64_t in_size, int64_t out_size, double scale) {
  AxisTaps taps;
  for (int64_t o = 0; o < out_size; ++o) {
    taps.add(nearest_source(o, scale, in_size), 1);
    taps.end_output();
  }
  return taps;
}

AxisTaps linear_taps(int64_t in_size, int64_t out_size, double scale, bool align_corners, ScalarType dtype) {
  AxisTaps taps;
  dispatch_compute(dtype, [&]<class C>() {
    for (int64_t o = 0; o < out_size; ++o) {
      const auto source = linear_source<C>(o, align_corners, scale, in_size, out_size);
      taps.add(source.index, C{1} - source.lambda);
      taps.add(source.neighbour, source.lambda);
      taps.end_output();
    }
  });
  return taps;
}

// `image` and `resampled` are the two ends of the forward map.
struct Axes {
  AxisTaps rows, columns;
};

Axes nearest_axes(const View& image, const View& resampled, const InterpolateParams& p) {
  return {nearest_taps(image.sizes[2], resampled.sizes[2], p.scale_h),
          nearest_taps(image.sizes[3], resampled.sizes[3], p.scale_w)};
}

Axes linear_axes(const View& image, const View& resampled, const InterpolateParams& p) {
  return {linear_taps(image.sizes[2], resampled.sizes[2], p.scale_h, p.align_corners, image.dtype),
          linear_taps(image.sizes[3], resampled.sizes[3], p.scale_w, p.align_corners, image.dtype)};
}

bool resample_transposed(const View& grad_input, const View& grad_out, const Axes& axes) {
  return resample(grad_input, grad_out, transposed(axes.rows, grad_input.sizes[2]),
                  transposed(axes.columns, grad_input.sizes[3]));
}

}  // namespace

void nearest2d_forward(const View& out, const View& input, const InterpolateParams& params) {
  const Axes axes = nearest_axes(input, out, params);
  if (!resample(out, input, axes.rows, axes.columns)) reference::nearest2d_forward(out, input, params);
}

void nearest2d_backward(const View& grad_input, const View& grad_out, const InterpolateParams& params) {
  if (!resample_transposed(grad_input, grad_out, nearest_axes(grad_input, grad_out, params))) {
    reference::nearest2d_backward(grad_input, grad_out, params);
  }
}

void bilinear2d_forward(const View& out, const View& input, const InterpolateParams& params) {
  const Axes axes = linear_axes(input, out, params);
  if (!resample(out, input, axes.rows, axes.columns)) reference::bilinear2d_forward(out, input, params);
}

void bilinear2d_backward(const View& grad_input, const View& grad_out, const InterpolateParams& params) {
  if (!resample_transposed(grad_input, grad_out, linear_axes(grad_input, grad_out, params))) {
    reference::bilinear2d_backward(grad_input, grad_out, params);
  }
}

}  // namespace tessera::kernels::cpu
