// Batch normalisation as its formulas read: for each channel, plain loops over its pixels through the strides.
#include <cmath>

#include "kernels/batch_norm/batch_norm.h"

namespace tessera::kernels::reference {
namespace {

double at(const View& channel_values, int64_t c, double absent = 0) {
  if (channel_values.data == nullptr) return absent;
  return dispatch_floating(channel_values.dtype, [&]<class T>() { return static_cast<double>(channel_values.as<T>()[c]); });
}

void set(const View& channel_values, int64_t c, double value) {
  dispatch_floating(channel_values.dtype,
                    [&]<class T>() { channel_values.as<T>()[c] = static_cast<T>(static_cast<compute_t<T>>(value)); });
}

int64_t offset(const View& v, int64_t n, int64_t c, int64_t h, int64_t w) {
  return n * v.strides[0] + c * v.strides[1] + h * v.strides[2] + w * v.strides[3];
}

template <class Body> void for_each_pixel(const View& v, Body&& body) {
  for (int64_t n = 0; n < v.sizes[0]; ++n)
    for (int64_t h = 0; h < v.sizes[2]; ++h)
      for (int64_t w = 0; w < v.sizes[3]; ++w) body(n, h, w);
}

// The normalised, scaled and shifted value before the ReLU, in the type C of the arithmetic.
template <class C> struct Affine {
  C mean, scale, bias;
  Affine(const BatchNormChannels& channels, int64_t c)
      : mean(static_cast<C>(at(channels.mean, c))),
        scale(static_cast<C>(at(channels.invstd, c) * at(channels.weight, c, 1))),
        bias(static_cast<C>(at(channels.bias, c))) {}
  C operator()(C x) const { return (x - mean) * scale + bias; }
};

}  // namespace

void batch_norm_statistics(const View& mean, const View& var, const View& input) {
  dispatch_floating(input.dtype, [&]<class T>() {
    const T* x = input.as<T>();
    const double count = static_cast<double>(input.sizes[0] * input.sizes[2] * input.sizes[3]);
    for (int64_t c = 0; c < input.sizes[1]; ++c) {
      double sum = 0, squares = 0;
      for_each_pixel(input, [&](int64_t n, int64_t h, int64_t w) { sum += x[offset(input, n, c, h, w)]; });
      for_each_pixel(input, [&](int64_t n, int64_t h, int64_t w) {
        const double deviation = x[offset(input, n, c, h, w)] - sum / count;
        squares += deviation * deviation;
      });
      set(mean, c, sum / count);
      set(var, c, squares / count);
    }
  });
}

void batch_norm_update(const View& invstd, const View& running_mean, const View& running_var, const View& mean, const View& var,
                       double momentum, double bessel, double eps) {
  for (int64_t c = 0; c < invstd.sizes[0]; ++c) {
    const double variance = at(var, c);
    set(invstd, c, 1 / std::sqrt(variance + eps));
    if (running_mean.data != nullptr) set(running_mean, c, (1 - momentum) * at(running_mean, c) + momentum * at(mean, c));
    if (running_var.data != nullptr) set(running_var, c, (1 - momentum) * at(running_var, c) + momentum * bessel * variance);
  }
}

void batch_norm_training_statistics(const View& mean, const View& invstd, const View& running_mean, const View& running_var,
                                    const View& input, double momentum, double bessel, double eps) {
  batch_norm_statistics(mean, invstd, input);  // the variance, in the place of what becomes of it
  batch_norm_update(invstd, running_mean, running_var, mean, invstd, momentum, bessel, eps);
}

void batch_norm_forward(const View& out, const View& input, const BatchNormChannels& channels) {
  dispatch_floating(input.dtype, [&]<class T>() {
    using C = compute_t<T>;
    for (int64_t c = 0; c < input.sizes[1]; ++c) {
      const Affine<C> affine(channels, c);
      for_each_pixel(input, [&](int64_t n, int64_t h, int64_t w) {
        const C y = affine(input.as<T>()[offset(input, n, c, h, w)]);
        out.as<T>()[offset(out, n, c, h, w)] = static_cast<T>(channels.relu && y < 0 ? C{0} : y);
      });
    }
  });
}

void batch_norm_backward_reduce(const View& sum_dy, const View& sum_dy_xhat, const View& grad_out, const View& input,
                                const BatchNormChannels& channels) {
  dispatch_floating(input.dtype, [&]<class T>() {
    using C = compute_t<T>;
    for (int64_t c = 0; c < input.sizes[1]; ++c) {
      const Affine<C> affine(channels, c);
      double sum = 0, sum_xmu = 0;  // xmu: x - mean
      for_each_pixel(input, [&](int64_t n, int64_t h, int64_t w) {
        const C x = input.as<T>()[offset(input, n, c, h, w)];
        if (channels.relu && affine(x) <= 0) return;
        const C dy = grad_out.as<T>()[offset(grad_out, n, c, h, w)];
        sum += dy;
        sum_xmu += static_cast<double>(dy) * (x - affine.mean);
      });
      set(sum_dy, c, sum);
      set(sum_dy_xhat, c, sum_xmu * at(channels.invstd, c));
    }
  });
}

void batch_norm_backward(const View& grad_input, const View& grad_out, const View& input, const BatchNormChannels& channels,
                         const View& sum_dy, const View& sum_dy_xhat, bool training) {
  dispatch_floating(input.dtype, [&]<class T>() {
    using C = compute_t<T>;
    const double count = static_cast<double>(input.sizes[0] * input.sizes[2] * input.sizes[3]);
    for (int64_t c = 0; c < input.sizes[1]; ++c) {
      const Affine<C> affine(channels, c);
      const double invstd = at(channels.invstd, c);
      const C constant = training ? static_cast<C>(at(sum_dy, c) / count) : C{0};
      const C slope = training ? static_cast<C>(invstd * at(sum_dy_xhat, c) / count) : C{0};
      for_each_pixel(input, [&](int64_t n, int64_t h, int64_t w) {
        const C x = input.as<T>()[offset(input, n, c, h, w)];
        const C dy = channels.relu && affine(x) <= 0 ? C{0} : C{grad_out.as<T>()[offset(grad_out, n, c, h, w)]};
        const C centred = training ? dy - constant - (x - affine.mean) * slope : dy;
        grad_input.as<T>()[offset(grad_input, n, c, h, w)] = static_cast<T>(centred * affine.scale);
      });
    }
  });
}

void batch_norm_add_relu_forward(const View& out, const View& input, const View& residual, const BatchNormChannels& channels) {
  dispatch_floating(input.dtype, [&]<class T>() {
    using C = compute_t<T>;
    for (int64_t c = 0; c < input.sizes[1]; ++c) {
      const Affine<C> affine(channels, c);
      for_each_pixel(input, [&](int64_t n, int64_t h, int64_t w) {
        const C y = affine(input.as<T>()[offset(input, n, c, h, w)]) + C{residual.as<T>()[offset(residual, n, c, h, w)]};
        out.as<T>()[offset(out, n, c, h, w)] = static_cast<T>(y < 0 ? C{0} : y);
      });
    }
  });
}

void batch_norm_add_relu_reduce(const View& sum_dy, const View& sum_dy_xhat, const View& masked, const View& grad_out,
                                const View& out, const View& input, const BatchNormChannels& channels) {
  dispatch_floating(input.dtype, [&]<class T>() {
    for (int64_t c = 0; c < input.sizes[1]; ++c)
      for_each_pixel(input, [&](int64_t n, int64_t h, int64_t w) {
        const bool passes = !(out.as<T>()[offset(out, n, c, h, w)] <= T(0));
        masked.as<T>()[offset(masked, n, c, h, w)] = passes ? grad_out.as<T>()[offset(grad_out, n, c, h, w)] : T(0);
      });
  });
  BatchNormChannels without_relu = channels;
  without_relu.relu = false;
  batch_norm_backward_reduce(sum_dy, sum_dy_xhat, masked, input, without_relu);
}

}  // namespace tessera::kernels::reference
