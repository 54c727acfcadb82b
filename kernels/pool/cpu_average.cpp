// Average pooling on the CPU: lists the windows of both axes as taps and leaves the arithmetic to kernels/resample, where mapping
// and memory traffic are described. Tensors with gaps and mixed memory orders are rare here: the reference serves them.
#include "kernels/pool/pool.h"
#include "kernels/resample/resample.h"

namespace tessera::kernels::cpu {
namespace {

// window(o) gives the window of output o < out_size.
template <class Window> AxisTaps window_taps(int64_t out_size, Window&& window) {
  AxisTaps taps;
  for (int64_t o = 0; o < out_size; ++o) {
    const PoolWindow w = window(o);
    for (int64_t i = w.begin; i < w.end; ++i) taps.add(i, 1.0 / static_cast<double>(w.divisor));
    taps.end_output();
  }
  return taps;
}

AxisTaps average_taps(const View& image, const View& pooled, const Pool2dParams& p, int axis) {
  return window_taps(pooled.sizes[2 + axis], [&](int64_t o) { return average_window(o, image.sizes[2 + axis], p, axis); });
}

AxisTaps adaptive_taps(const View& image, const View& pooled, int axis) {
  const int64_t in_size = image.sizes[2 + axis], out_size = pooled.sizes[2 + axis];
  return window_taps(out_size, [&](int64_t o) { return adaptive_window(o, in_size, out_size); });
}

bool resample_transposed(const View& grad_input, const View& grad_out, const AxisTaps& rows, const AxisTaps& columns) {
  return resample(grad_input, grad_out, transposed(rows, grad_input.sizes[2]), transposed(columns, grad_input.sizes[3]));
}

}  // namespace

void avg_pool2d_forward(const View& out, const View& input, const Pool2dParams& p) {
  if (!resample(out, input, average_taps(input, out, p, 0), average_taps(input, out, p, 1))) {
    reference::avg_pool2d_forward(out, input, p);
  }
}

void avg_pool2d_backward(const View& grad_input, const View& grad_out, const Pool2dParams& p) {
  if (!resample_transposed(grad_input, grad_out, average_taps(grad_input, grad_out, p, 0),
                           average_taps(grad_input, grad_out, p, 1))) {
    reference::avg_pool2d_backward(grad_input, grad_out, p);
  }
}

void adaptive_avg_pool2d_forward(const View& out, const View& input) {
  if (!resample(out, input, adaptive_taps(input, out, 0), adaptive_taps(input, out, 1))) {
    reference::adaptive_avg_pool2d_forward(out, input);
  }
}

void adaptive_avg_pool2d_backward(const View& grad_input, const View& grad_out) {
  if (!resample_transposed(grad_input, grad_out, adaptive_taps(grad_input, grad_out, 0),
                           adaptive_taps(grad_input, grad_out, 1))) {
    reference::adaptive_avg_pool2d_backward(grad_input, grad_out);
  }
}

}  // namespace tessera::kernels::cpu
