// Softmax and log-softmax by their formulas: one line of classes at a time, sums in double.
#include <cmath>
#include <limits>

#include "kernels/softmax/softmax.h"

namespace tessera::kernels::reference {
namespace {

// The line along `dim` that goes through logical position `index` of the other dimensions (row-major, `dim` left out).
template <class S> struct Line {
  S* data;
  int64_t stride;
  S& operator[](int64_t c) const { return data[c * stride]; }

  Line(const View& v, int dim, int64_t index) : data(v.as<S>()), stride(v.strides[dim]) {
    for (int d = v.ndim - 1; d >= 0; --d) {
      if (d == dim) continue;
      data += index % v.sizes[d] * v.strides[d];
      index /= v.sizes[d];
    }
  }
};

// Calls body(line index, classes) for each line of v along dim.
template <class Body> void for_each_line(const View& v, int dim, Body&& body) {
  const int64_t numel = v.numel();
  if (numel == 0) return;
  const int64_t classes = v.sizes[dim];
  for (int64_t i = 0; i < numel / classes; ++i) body(i, classes);
}

struct Normalizer {
  double max, sum;  // max_c x_c and sum_c exp(x_c - max)
};

template <class S> Normalizer normalizer(const Line<S>& x, int64_t classes) {
  double max = -std::numeric_limits<double>::infinity(), sum = 0;
  for (int64_t c = 0; c < classes; ++c) max = std::fmax(max, static_cast<double>(x[c]));
  for (int64_t c = 0; c < classes; ++c) sum += std::exp(x[c] - max);
  return {max, sum};
}

}  // namespace

void softmax_forward(const View& out, const View& in, int dim) {
  dispatch_floating(in.dtype, [&]<class S>() {
    for_each_line(in, dim, [&](int64_t i, int64_t classes) {
      const Line<S> x(in, dim, i), y(out, dim, i);
      const auto [max, sum] = normalizer(x, classes);
      for (int64_t c = 0; c < classes; ++c) y[c] = static_cast<compute_t<S>>(std::exp(x[c] - max) / sum);
    });
  });
}

void log_softmax_forward(const View& out, const View& in, int dim) {
  dispatch_floating(in.dtype, [&]<class S>() {
    for_each_line(in, dim, [&](int64_t i, int64_t classes) {
      const Line<S> x(in, dim, i), y(out, dim, i);
      const auto [max, sum] = normalizer(x, classes);
      for (int64_t c = 0; c < classes; ++c) y[c] = static_cast<compute_t<S>>((x[c] - max) - std::log(sum));
    });
  });
}

void softmax_backward(const View& grad_in, const View& grad_out, const View& out, int dim) {
  dispatch_floating(out.dtype, [&]<class S>() {
    for_each_line(out, dim, [&](int64_t i, int64_t classes) {
      const Line<S> gx(grad_in, dim, i), g(grad_out, dim, i), y(out, dim, i);
      double dot = 0;
      for (int64_t c = 0; c < classes; ++c) dot += static_cast<double>(g[c]) * y[c];
      for (int64_t c = 0; c < classes; ++c) gx[c] = static_cast<compute_t<S>>(y[c] * (g[c] - dot));
    });
  });
}

void log_softmax_backward(const View& grad_in, const View& grad_out, const View& out, int dim) {
  dispatch_floating(out.dtype, [&]<class S>() {
    for_each_line(out, dim, [&](int64_t i, int64_t classes) {
      const Line<S> gx(grad_in, dim, i), g(grad_out, dim, i), y(out, dim, i);
      double sum = 0;
      for (int64_t c = 0; c < classes; ++c) sum += g[c];
      for (int64_t c = 0; c < classes; ++c) gx[c] = static_cast<compute_t<S>>(g[c] - std::exp(static_cast<double>(y[c])) * sum);
    });
  });
}

}  // namespace tessera::kernels::reference
