// Cross-entropy by its formula, one pixel at a time in row-major order, in double.
#include <cmath>
#include <limits>

#include "kernels/cross_entropy/cross_entropy.h"

namespace tessera::kernels::reference {
namespace {

template <class T> T& at(const View& v, int64_t n, int64_t h, int64_t w) {
  return v.as<T>()[n * v.strides[0] + h * v.strides[1] + w * v.strides[2]];
}

// The logits of one pixel.
template <class S> struct Pixel {
  S* data;
  int64_t stride;
  Pixel(const View& v, int64_t n, int64_t h, int64_t w)
      : data(v.as<S>() + n * v.strides[0] + h * v.strides[2] + w * v.strides[3]), stride(v.strides[1]) {}
  S& operator[](int64_t c) const { return data[c * stride]; }
};

template <class Body> void for_each_pixel(const View& target, Body&& body) {
  for (int64_t n = 0; n < target.sizes[0]; ++n)
    for (int64_t h = 0; h < target.sizes[1]; ++h)
      for (int64_t w = 0; w < target.sizes[2]; ++w) body(n, h, w);
}

}  // namespace

void cross_entropy_forward(const View& loss, const View& log_normalizer, const View& total_weight, const View& first_invalid,
                           const View& logits, const View& target, const View& weight, const CrossEntropyParams& params) {
  dispatch_floating(logits.dtype, [&]<class S>() {
    using T = compute_t<S>;
    const int64_t classes = logits.sizes[1];
    const double smoothing = params.label_smoothing;
    const auto class_weight = [&](int64_t c) { return weight.data ? static_cast<double>(weight.as<T>()[c]) : 1.0; };
    double total = 0;
    int64_t invalid = -1;
    for_each_pixel(target, [&](int64_t n, int64_t h, int64_t w) {
      const Pixel<S> x(logits, n, h, w);
      double max = -std::numeric_limits<double>::infinity(), sum = 0, value = 0;
      for (int64_t c = 0; c < classes; ++c) max = std::fmax(max, static_cast<double>(x[c]));
      for (int64_t c = 0; c < classes; ++c) sum += std::exp(x[c] - max);
      const double log_sum = std::log(sum);
      const int64_t t = at<int64_t>(target, n, h, w);
      const bool valid = t >= 0 && t < classes;
      if (t != params.ignore_index && valid) {
        value = (1 - smoothing) * class_weight(t) * (log_sum - (x[t] - max));
        if (smoothing != 0)
          for (int64_t c = 0; c < classes; ++c) value += smoothing / classes * class_weight(c) * (log_sum - (x[c] - max));
        total += class_weight(t);
      } else if (t != params.ignore_index && invalid < 0) {
        invalid = (n * target.sizes[1] + h) * target.sizes[2] + w;
      }
      at<T>(loss, n, h, w) = static_cast<T>(value);
      at<T>(log_normalizer, n, h, w) = static_cast<T>(max + log_sum);
    });
    *total_weight.as<T>() = static_cast<T>(total);
    *first_invalid.as<int64_t>() = invalid;
  });
}

void cross_entropy_backward(const View& grad_logits, const View& grad_loss, const View& logits, const View& log_normalizer,
                            const View& target, const View& weight, const CrossEntropyParams& params) {
  dispatch_floating(logits.dtype, [&]<class S>() {
    using T = compute_t<S>;
    const int64_t classes = logits.sizes[1];
    const double smoothing = params.label_smoothing;
    const auto class_weight = [&](int64_t c) { return weight.data ? static_cast<double>(weight.as<T>()[c]) : 1.0; };
    double weight_sum = 0;
    for (int64_t c = 0; c < classes; ++c) weight_sum += class_weight(c);
    for_each_pixel(target, [&](int64_t n, int64_t h, int64_t w) {
      const Pixel<S> x(logits, n, h, w), grad(grad_logits, n, h, w);
      const int64_t t = at<int64_t>(target, n, h, w);
      const bool counts = t != params.ignore_index && t >= 0 && t < classes;
      const double g = at<T>(grad_loss, n, h, w), normalizer = at<T>(log_normalizer, n, h, w);
      for (int64_t c = 0; c < classes; ++c) {
        double value = 0;
        if (counts) {
          const double hard = (1 - smoothing) * class_weight(t), soft = smoothing / classes;
          value = g * (std::exp(x[c] - normalizer) * (hard + soft * weight_sum) - (c == t ? hard : 0) - soft * class_weight(c));
        }
        grad[c] = static_cast<T>(value);
      }
    });
  });
}

}  // namespace tessera::kernels::reference
