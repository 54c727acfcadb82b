// Batch normalisation on the CPU.
//
// Mapping: memory is cut into strips of about 64 Ki values that the threads share: NCHW into pieces of a plane (one channel),
// channels-last into runs of pixels (all channels). Inside a strip a SIMD lane is a column of a row of several pixels, so that
// small channel counts still fill the vectors (moments-inl.h). The cut does not depend on the thread count, and the partial
// results of the strips are merged in order in float64: the same bits for any number of threads.
// Traffic: statistics and forward read the input once each, forward writes once; backward reads input and gradient twice (reduce,
// then gradient) and writes once.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/batch_norm/cpu.cpp"
#include "hwy/foreach_target.h"  // must come before highway.h
#include "hwy/highway.h"
#include "kernels/batch_norm/batch_norm.h"
#include "kernels/parallel.h"
#include "kernels/planes.h"
#include "kernels/row_norm/moments-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels::HWY_NAMESPACE {
namespace {

// How a dense [N, C, H, W] is cut into strips. Strip s covers `length(s)` pixels of `channels` values from `offset(s)` on, whose
// first channel is `first_channel(s)`.
struct Strips {
  int64_t channels, total_channels, planes, pixels, strip_pixels, pieces;

  explicit Strips(const View& view, Planes layout) : channels(layout.channels), total_channels(view.sizes[1]) {
    const bool channels_last = channels == total_channels;  // then the images follow each other without a change of channel
    planes = channels_last ? 1 : layout.count;
    pixels = view.sizes[2] * view.sizes[3] * (channels_last ? layout.count : 1);
    strip_pixels = std::max<int64_t>(1, 65536 / channels);
    pieces = (pixels + strip_pixels - 1) / strip_pixels;
  }
  int64_t count() const { return planes * pieces; }
  int64_t grain() const { return std::max<int64_t>(1, 32768 / (std::min(pixels, strip_pixels) * channels)); }
  int64_t offset(int64_t s) const { return (s / pieces * pixels + s % pieces * strip_pixels) * channels; }
  int64_t length(int64_t s) const { return std::min(strip_pixels, pixels - s % pieces * strip_pixels); }
  int64_t first_channel(int64_t s) const { return channels == total_channels ? 0 : s / pieces % total_channels; }

  // visit(strip, channel within the strip) for all strips that hold channel c, in memory order.
  template <class Visit> void strips_of_channel(int64_t c, const Visit& visit) const {
    const bool channels_last = channels == total_channels;
    for (int64_t plane = channels_last ? 0 : c; plane < planes; plane += total_channels)
      for (int64_t piece = 0; piece < pieces; ++piece) visit(plane * pieces + piece, channels_last ? c : 0);
  }
};

// A [C] view of any floating type as values of the compute type; `absent` where there is no view.
template <class C> void load_channels(const View& view, int64_t count, double absent, C* values) {
  if (view.data == nullptr) {
    std::fill_n(values, count, static_cast<C>(absent));
    return;
  }
  dispatch_floating(view.dtype, [&]<class T>() HWY_ATTR {
    for (int64_t c = 0; c < count; ++c) values[c] = static_cast<C>(view.as<T>()[c]);
  });
}

template <class C> void store_channel(const View& view, int64_t c, double value) {
  view.as<C>()[c] = static_cast<C>(value);
}

// Per-channel coefficients, and their copies along a row of several pixels: what the elementwise loops multiply with.
template <class C, int kCount> class Coefficients {
 public:
  explicit Coefficients(int64_t channels) : channels_(channels), storage_(kCount * channels) {}
  C* channel_values(int k) const { return storage_.data() + k * channels_; }

  // Rows of `side` pixels from first_channel on, written to rows [kCount, side * channels].
  void repeat(int64_t first_channel, int64_t channels, int64_t side, C* rows) const {
    for (int k = 0; k < kCount; ++k)
      for (int64_t p = 0; p < side; ++p, rows += channels) std::copy_n(channel_values(k) + first_channel, channels, rows);
  }

 private:
  int64_t channels_;
  Scratch<C> storage_;
};

// Runs body(offset, length, rows, width) for each row of each strip, where rows [kCount, width] are the repeated coefficients.
template <class C, int kCount, class Body>
void for_each_row(const Strips& strips, const Coefficients<C, kCount>& coefficients, const Body& body) {
  parallel_for(strips.count(), strips.grain(), [&](int64_t begin, int64_t end) HWY_ATTR {
    const int64_t side = pixels_per_row(std::min(strips.pixels, strips.strip_pixels), strips.channels, 256);
    const int64_t width = side * strips.channels;
    const Scratch<C> rows(kCount * width);
    int64_t held = -1;  // the channel whose coefficients `rows` holds
    for (int64_t s = begin; s < end; ++s) {
      if (held != strips.first_channel(s))
        coefficients.repeat(held = strips.first_channel(s), strips.channels, side, rows.data());
      const int64_t first = strips.offset(s), last = first + strips.length(s) * strips.channels;
      for (int64_t i = first; i < last; i += width) body(i, std::min(width, last - i), rows.data(), width);
    }
  });
}

template <class T> void statistics(const View& mean, const View& var, const View& input, const Strips& strips) {
  const int64_t channels = strips.channels;
  const Scratch<double> partial(2 * strips.count() * channels);  // [strips, {mean, m2}, channels]
  parallel_for(strips.count(), strips.grain(), [&](int64_t begin, int64_t end) HWY_ATTR {
    for (int64_t s = begin; s < end; ++s) {
      double* mean_m2 = partial.data() + 2 * s * channels;
      strip_moments(input.as<T>() + strips.offset(s), strips.length(s), channels, mean_m2, mean_m2 + channels);
    }
  });
  for (int64_t c = 0; c < strips.total_channels; ++c) {
    double count = 0, mu = 0, m2 = 0;
    strips.strips_of_channel(c, [&](int64_t s, int64_t k) HWY_ATTR {
      const double* mean_m2 = partial.data() + 2 * s * channels + k;
      const double length = static_cast<double>(strips.length(s));
      merge_moments(count, mu, m2, length, mean_m2[0], mean_m2[channels]);
      count += length;
    });
    store_channel<compute_t<T>>(mean, c, mu);
    store_channel<compute_t<T>>(var, c, m2 / count);
  }
}

// The coefficients of the affine map: y = (x - mean) * scale + bias.
enum { kMean, kScale, kBias, kConstant, kSlope };

template <class C, int kCount>
void set_affine(const Coefficients<C, kCount>& coefficients, const BatchNormChannels& channels, int64_t count) {
  C *scale = coefficients.channel_values(kScale), *bias = coefficients.channel_values(kBias);
  load_channels(channels.mean, count, 0, coefficients.channel_values(kMean));
  load_channels(channels.invstd, count, 0, scale);
  load_channels(channels.weight, count, 1, bias);
  for (int64_t c = 0; c < count; ++c) scale[c] *= bias[c];
  load_channels(channels.bias, count, 0, bias);
}

template <class T, bool kRelu>
void forward(const View& out, const View& input, const BatchNormChannels& channels, const Strips& strips) {
  using C = compute_t<T>;
  const Coefficients<C, 3> coefficients(strips.total_channels);
  set_affine(coefficients, channels, strips.total_channels);
  for_each_row(strips, coefficients, [&](int64_t first, int64_t length, const C* rows, int64_t width) HWY_ATTR {
    const C *mean = rows, *scale = rows + width, *bias = scale + width;
    const T* x = input.as<T>() + first;
    T* y = out.as<T>() + first;
    for (int64_t j = 0; j < length; ++j) {
      const C value = (C(x[j]) - mean[j]) * scale[j] + bias[j];
      y[j] = T(kRelu && value < 0 ? C{0} : value);
    }
  });
}

// sum(dy) and sum(dy * (x - mean)) by column over rows of `width`, in blocks as in column_moments.
template <class T, bool kRelu> void column_gradient_sums(const T* dy, const T* x, int64_t rows, int64_t width,
                                                         const compute_t<T>* coefficients, int64_t stride, double* sum_dy,
                                                         double* sum_dy_xmu) {
  using C = compute_t<T>;
  std::fill_n(sum_dy, width, 0.0);
  std::fill_n(sum_dy_xmu, width, 0.0);
  for (int64_t first = 0; first < width; first += kTile) {
    const int64_t columns = std::min(kTile, width - first);
    const C *mean = coefficients + first, *scale = mean + stride, *bias = scale + stride;
    for (int64_t row = 0; row < rows; row += kBlock) {
      C sum[kTile] = {}, sum_xmu[kTile] = {};
      for (int64_t r = row; r < std::min(rows, row + kBlock); ++r) {
        const T *gradient = dy + r * width + first, *value = x + r * width + first;
        for (int64_t j = 0; j < columns; ++j) {
          const C centred = C(value[j]) - mean[j];
          const C g = kRelu && centred * scale[j] + bias[j] <= 0 ? C{0} : C(gradient[j]);
          sum[j] += g;
          sum_xmu[j] += g * centred;
        }
      }
      for (int64_t j = 0; j < columns; ++j) sum_dy[first + j] += sum[j];
      for (int64_t j = 0; j < columns; ++j) sum_dy_xmu[first + j] += sum_xmu[j];
    }
  }
}

template <class T, bool kRelu> void backward_reduce(const View& sum_dy, const View& sum_dy_xhat, const View& grad_out,
                                                    const View& input, const BatchNormChannels& channels, const Strips& strips) {
  using C = compute_t<T>;
  const int64_t group = strips.channels, columns = std::max<int64_t>(64, group);
  const Coefficients<C, 3> coefficients(strips.total_channels);
  set_affine(coefficients, channels, strips.total_channels);
  const Scratch<double> partial(2 * strips.count() * group);  // [strips, {sum(dy), sum(dy * (x - mean))}, group]
  parallel_for(strips.count(), strips.grain(), [&](int64_t begin, int64_t end) HWY_ATTR {
    const Scratch<C> repeated(3 * columns);
    const Scratch<double> column_sums(2 * columns);
    for (int64_t s = begin; s < end; ++s) {
      double* sums = partial.data() + 2 * s * group;
      std::fill_n(sums, 2 * group, 0.0);
      const T *dy = grad_out.as<T>() + strips.offset(s), *x = input.as<T>() + strips.offset(s);
      int64_t stride = 0;  // the columns of the whole rows, which come first: the rest needs a prefix of the same coefficients
      reduce_strip(
          strips.length(s), group,
          [&](int64_t offset, int64_t rows, int64_t width) HWY_ATTR {
            if (offset == 0) coefficients.repeat(strips.first_channel(s), group, (stride = width) / group, repeated.data());
            column_gradient_sums<T, kRelu>(dy + offset, x + offset, rows, width, repeated.data(), stride, column_sums.data(),
                                           column_sums.data() + columns);
          },
          [&](int64_t j, int64_t c, int64_t) HWY_ATTR {
            sums[c] += column_sums[j];
            sums[group + c] += column_sums[columns + j];
          });
    }
  });
  for (int64_t c = 0; c < strips.total_channels; ++c) {
    double sum = 0, sum_xmu = 0;
    strips.strips_of_channel(c, [&](int64_t s, int64_t k) HWY_ATTR {
      sum += partial[2 * s * group + k];
      sum_xmu += partial[(2 * s + 1) * group + k];
    });
    store_channel<C>(sum_dy, c, sum);
    store_channel<C>(sum_dy_xhat, c, sum_xmu * channels.invstd.as<C>()[c]);
  }
}

template <class T, bool kRelu> void backward(const View& grad_input, const View& grad_out, const View& input,
                                             const BatchNormChannels& channels, const View& sum_dy, const View& sum_dy_xhat,
                                             bool training, const Strips& strips) {
  using C = compute_t<T>;
  const int64_t count = strips.total_channels;
  const double values = static_cast<double>(input.numel() / count);
  const Coefficients<C, 5> coefficients(count);
  set_affine(coefficients, channels, count);
  C *constant = coefficients.channel_values(kConstant), *slope = coefficients.channel_values(kSlope);
  for (int64_t c = 0; c < count; ++c) {
    const double invstd = channels.invstd.as<C>()[c];
    constant[c] = training ? static_cast<C>(sum_dy.as<C>()[c] / values) : C{0};
    slope[c] = training ? static_cast<C>(invstd * sum_dy_xhat.as<C>()[c] / values) : C{0};
  }
  for_each_row(strips, coefficients, [&](int64_t first, int64_t length, const C* rows, int64_t width) HWY_ATTR {
    const C *mean = rows, *scale = rows + width, *bias = scale + width, *k0 = bias + width, *k1 = k0 + width;
    const T *x = input.as<T>() + first, *dy = grad_out.as<T>() + first;
    T* dx = grad_input.as<T>() + first;
    if (!training && !kRelu) {  // the input is not needed
      for (int64_t j = 0; j < length; ++j) dx[j] = T(C(dy[j]) * scale[j]);
      return;
    }
    for (int64_t j = 0; j < length; ++j) {
      const C centred = C(x[j]) - mean[j];
      const C g = kRelu && centred * scale[j] + bias[j] <= 0 ? C{0} : C(dy[j]);
      dx[j] = T((training ? g - k0[j] - centred * k1[j] : g) * scale[j]);
    }
  });
}

// Calls body.operator()<T, relu>().
template <class Body> void dispatch(ScalarType type, bool relu, const Body& body) {
  dispatch_floating(type, [&]<class T>() HWY_ATTR {
    if (relu)
      body.template operator()<T, true>();
    else
      body.template operator()<T, false>();
  });
}

void statistics_any(const View& mean, const View& var, const View& input, Planes planes) {
  dispatch_floating(input.dtype, [&]<class T>() HWY_ATTR { statistics<T>(mean, var, input, Strips(input, planes)); });
}

void forward_any(const View& out, const View& input, const BatchNormChannels& channels, Planes planes) {
  dispatch(input.dtype, channels.relu,
           [&]<class T, bool kRelu>() HWY_ATTR { forward<T, kRelu>(out, input, channels, Strips(input, planes)); });
}

void backward_reduce_any(const View& sum_dy, const View& sum_dy_xhat, const View& grad_out, const View& input,
                         const BatchNormChannels& channels, Planes planes) {
  dispatch(input.dtype, channels.relu, [&]<class T, bool kRelu>() HWY_ATTR {
    backward_reduce<T, kRelu>(sum_dy, sum_dy_xhat, grad_out, input, channels, Strips(input, planes));
  });
}

void backward_any(const View& grad_input, const View& grad_out, const View& input, const BatchNormChannels& channels,
                  const View& sum_dy, const View& sum_dy_xhat, bool training, Planes planes) {
  dispatch(input.dtype, channels.relu, [&]<class T, bool kRelu>() HWY_ATTR {
    backward<T, kRelu>(grad_input, grad_out, input, channels, sum_dy, sum_dy_xhat, training, Strips(input, planes));
  });
}

}  // namespace
}  // namespace tessera::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera::kernels::cpu {

HWY_EXPORT(statistics_any);
HWY_EXPORT(forward_any);
HWY_EXPORT(backward_reduce_any);
HWY_EXPORT(backward_any);

// Tensors with gaps and mixed memory orders are rare here: the reference serves them.

void batch_norm_statistics(const View& mean, const View& var, const View& input) {
  const auto planes = common_planes({&input});
  if (!planes || input.numel() == 0) return reference::batch_norm_statistics(mean, var, input);
  HWY_DYNAMIC_DISPATCH(statistics_any)(mean, var, input, *planes);
}

void batch_norm_training_statistics(const View& mean, const View& invstd, const View& running_mean, const View& running_var,
                                    const View& input, double momentum, double bessel, double eps) {
  batch_norm_statistics(mean, invstd, input);  // the variance, in the place of what becomes of it
  reference::batch_norm_update(invstd, running_mean, running_var, mean, invstd, momentum, bessel, eps);
}

void batch_norm_forward(const View& out, const View& input, const BatchNormChannels& channels) {
  const auto planes = common_planes({&input, &out});
  if (!planes || input.numel() == 0) return reference::batch_norm_forward(out, input, channels);
  HWY_DYNAMIC_DISPATCH(forward_any)(out, input, channels, *planes);
}

void batch_norm_backward_reduce(const View& sum_dy, const View& sum_dy_xhat, const View& grad_out, const View& input,
                                const BatchNormChannels& channels) {
  const auto planes = common_planes({&input, &grad_out});
  if (!planes || input.numel() == 0) {
    return reference::batch_norm_backward_reduce(sum_dy, sum_dy_xhat, grad_out, input, channels);
  }
  HWY_DYNAMIC_DISPATCH(backward_reduce_any)(sum_dy, sum_dy_xhat, grad_out, input, channels, *planes);
}

void batch_norm_backward(const View& grad_input, const View& grad_out, const View& input, const BatchNormChannels& channels,
                         const View& sum_dy, const View& sum_dy_xhat, bool training) {
  const auto planes = common_planes({&input, &grad_out, &grad_input});
  if (!planes || input.numel() == 0) {
    return reference::batch_norm_backward(grad_input, grad_out, input, channels, sum_dy, sum_dy_xhat, training);
  }
  HWY_DYNAMIC_DISPATCH(backward_any)(grad_input, grad_out, input, channels, sum_dy, sum_dy_xhat, training, *planes);
}

}  // namespace tessera::kernels::cpu
#endif
