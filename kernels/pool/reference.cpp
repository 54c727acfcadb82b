// Pooling window by window. The gradients walk the same windows and add to the input positions.
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/pool/pool.h"

namespace tessera::kernels::reference {
namespace {

int64_t offset(const View& v, int64_t n, int64_t c, int64_t h, int64_t w) {
  return n * v.strides[0] + c * v.strides[1] + h * v.strides[2] + w * v.strides[3];
}

// visit(oh, ow) for each pixel of an image.
template <class Visit> void for_each_pixel(const View& v, Visit&& visit) {
  for (int64_t h = 0; h < v.sizes[2]; ++h)
    for (int64_t w = 0; w < v.sizes[3]; ++w) visit(h, w);
}

template <class Visit> void for_each_image(const View& v, Visit&& visit) {
  for (int64_t n = 0; n < v.sizes[0]; ++n)
    for (int64_t c = 0; c < v.sizes[1]; ++c) visit(n, c);
}

// Sums gradients of one image channel at a time in the compute type: add(plane, n, c) adds to plane [H * W].
template <class T, class Add> void accumulate_planes(const View& grad_input, Add&& add) {
  std::vector<compute_t<T>> plane(static_cast<size_t>(grad_input.sizes[2] * grad_input.sizes[3]));
  for_each_image(grad_input, [&](int64_t n, int64_t c) {
    std::fill(plane.begin(), plane.end(), compute_t<T>{0});
    add(plane.data(), n, c);
    for_each_pixel(grad_input, [&](int64_t h, int64_t w) {
      grad_input.as<T>()[offset(grad_input, n, c, h, w)] =
          static_cast<T>(plane[static_cast<size_t>(h * grad_input.sizes[3] + w)]);
    });
  });
}

// window(o, axis) gives the window of output o.
template <class Window> void average_forward(const View& out, const View& input, Window&& window) {
  dispatch_floating(input.dtype, [&]<class T>() {
    for_each_image(out, [&](int64_t n, int64_t c) {
      for_each_pixel(out, [&](int64_t oh, int64_t ow) {
        const PoolWindow rows = window(oh, 0), columns = window(ow, 1);
        double sum = 0;
        for (int64_t h = rows.begin; h < rows.end; ++h)
          for (int64_t w = columns.begin; w < columns.end; ++w) sum += input.as<T>()[offset(input, n, c, h, w)];
        const bool empty = rows.begin == rows.end || columns.begin == columns.end;
        const double mean = empty ? 0 : sum / static_cast<double>(rows.divisor * columns.divisor);
        out.as<T>()[offset(out, n, c, oh, ow)] = static_cast<T>(static_cast<compute_t<T>>(mean));
      });
    });
  });
}

template <class Window> void average_backward(const View& grad_input, const View& grad_out, Window&& window) {
  dispatch_floating(grad_out.dtype, [&]<class T>() {
    using C = compute_t<T>;
    accumulate_planes<T>(grad_input, [&](C* plane, int64_t n, int64_t c) {
      for_each_pixel(grad_out, [&](int64_t oh, int64_t ow) {
        const PoolWindow rows = window(oh, 0), columns = window(ow, 1);
        const C g = grad_out.as<T>()[offset(grad_out, n, c, oh, ow)];
        for (int64_t h = rows.begin; h < rows.end; ++h)
          for (int64_t w = columns.begin; w < columns.end; ++w)
            plane[h * grad_input.sizes[3] + w] += g / static_cast<C>(rows.divisor * columns.divisor);
      });
    });
  });
}

}  // namespace

void max_pool2d_forward(const View& out, const View& indices, const View& input, const Pool2dParams& p) {
  const int64_t height = input.sizes[2], width = input.sizes[3];
  dispatch_floating(input.dtype, [&]<class T>() {
    using C = compute_t<T>;
    for_each_image(out, [&](int64_t n, int64_t c) {
      for_each_pixel(out, [&](int64_t oh, int64_t ow) {
        C best = -std::numeric_limits<C>::infinity();
        int64_t best_index = -1;
        for (int64_t kh = 0; kh < p.kernel[0]; ++kh)
          for (int64_t kw = 0; kw < p.kernel[1]; ++kw) {
            const int64_t h = oh * p.stride[0] - p.padding[0] + kh * p.dilation[0];
            const int64_t w = ow * p.stride[1] - p.padding[1] + kw * p.dilation[1];
            if (h < 0 || h >= height || w < 0 || w >= width) continue;
            const C x = input.as<T>()[offset(input, n, c, h, w)];
            if (best_index < 0 || x > best || std::isnan(x)) {
              best = x;
              best_index = h * width + w;
            }
          }
        out.as<T>()[offset(out, n, c, oh, ow)] = static_cast<T>(best);
        if (indices.data != nullptr) indices.as<int32_t>()[offset(indices, n, c, oh, ow)] = static_cast<int32_t>(best_index);
      });
    });
  });
}

void max_pool2d_values(const View& out, const View& input, const Pool2dParams& p) {
  max_pool2d_forward(out, no_indices(out), input, p);
}

void max_pool2d_backward(const View& grad_input, const View& grad_out, const View& indices, const Pool2dParams&) {
  dispatch_floating(grad_out.dtype, [&]<class T>() {
    accumulate_planes<T>(grad_input, [&](compute_t<T>* plane, int64_t n, int64_t c) {
      for_each_pixel(grad_out, [&](int64_t oh, int64_t ow) {
        const int32_t index = indices.as<int32_t>()[offset(indices, n, c, oh, ow)];
        if (index >= 0) plane[index] += grad_out.as<T>()[offset(grad_out, n, c, oh, ow)];
      });
    });
  });
}

void avg_pool2d_forward(const View& out, const View& input, const Pool2dParams& p) {
  average_forward(out, input, [&](int64_t o, int axis) { return average_window(o, input.sizes[2 + axis], p, axis); });
}

void avg_pool2d_backward(const View& grad_input, const View& grad_out, const Pool2dParams& p) {
  average_backward(grad_input, grad_out,
                   [&](int64_t o, int axis) { return average_window(o, grad_input.sizes[2 + axis], p, axis); });
}

void adaptive_avg_pool2d_forward(const View& out, const View& input) {
  average_forward(out, input,
                  [&](int64_t o, int axis) { return adaptive_window(o, input.sizes[2 + axis], out.sizes[2 + axis]); });
}

void adaptive_avg_pool2d_backward(const View& grad_input, const View& grad_out) {
  average_backward(grad_input, grad_out,
                   [&](int64_t o, int axis) { return adaptive_window(o, grad_input.sizes[2 + axis], grad_out.sizes[2 + axis]); });
}

}  // namespace tessera::kernels::reference
