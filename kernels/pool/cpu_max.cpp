// Maximum pooling on the CPU.
//
// Mapping: a thread takes rows (forward: output rows, backward: input rows) of planes (planes.h). Channels-last: a SIMD lane is a
// channel; up to four window positions are compared in registers. NCHW: a SIMD lane is an output column, one window position
// after the other. The gradient gathers: each input pixel looks at the windows that can hold it, so that threads never share a
// sum. Traffic: forward reads the input once (rows that windows share come from the cache) and writes values and indices once;
// backward reads gradient and indices once and writes the input gradient once.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/pool/cpu_max.cpp"
#include <limits>
#include <type_traits>

#include "hwy/foreach_target.h"  // must come before highway.h
#include "hwy/highway.h"
#include "kernels/parallel.h"
#include "kernels/planes.h"
#include "kernels/pool/pool.h"
#include "kernels/scratch.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels::HWY_NAMESPACE {
namespace {

int64_t ceil_div(int64_t a, int64_t b) {
  return a >= 0 ? (a + b - 1) / b : -(-a / b);
}  // b > 0

// The window positions k in [first, last) of output o that lie inside an axis of `size`; position k reads input start + k * step.
struct Positions {
  int64_t start, step, first, last;
  Positions(const Pool2dParams& p, int axis, int64_t o, int64_t size)
      : start(o * p.stride[axis] - p.padding[axis]), step(p.dilation[axis]) {
    first = std::max<int64_t>(0, ceil_div(-start, step));
    last = std::max(first, std::min(p.kernel[axis], ceil_div(size - start, step)));
  }
  int64_t input(int64_t k) const { return start + k * step; }
};

// The outputs [first, last) of an axis whose windows can hold input i.
struct Holders {
  int64_t first, last;
  Holders(const Pool2dParams& p, int axis, int64_t i, int64_t out_size) {
    const int64_t padded = i + p.padding[axis];
    first = std::max<int64_t>(0, ceil_div(padded - (p.kernel[axis] - 1) * p.dilation[axis], p.stride[axis]));
    last = std::max(first, std::min(out_size, padded / p.stride[axis] + 1));
  }
};

// best[c] and index[c] over K input pixels; kFirst starts afresh, otherwise the comparison goes on.
template <int K, bool kFirst, class C, class T> void compare_pixels(C* HWY_RESTRICT best, int32_t* HWY_RESTRICT index,
                                                                    const T* const* pixel, const int32_t* position,
                                                                    int64_t channels) {
  const T* x[K];
  int32_t at[K];
  for (int k = 0; k < K; ++k) x[k] = pixel[k], at[k] = position[k];
  for (int64_t c = 0; c < channels; ++c) {
    C b = kFirst ? C(x[0][c]) : best[c];
    int32_t i = kFirst ? at[0] : index[c];
    for (int k = kFirst ? 1 : 0; k < K; ++k) {
      const C value = C(x[k][c]);
      const bool wins = (value > b) | (value != value);
      b = wins ? value : b;
      i = wins ? at[k] : i;
    }
    best[c] = b;
    index[c] = i;
  }
}

template <bool kFirst, class C, class T> void compare_few_pixels(C* best, int32_t* index, const T* const* pixel,
                                                                 const int32_t* position, int64_t count, int64_t channels) {
  switch (count) {
    case 1: return compare_pixels<1, kFirst>(best, index, pixel, position, channels);
    case 2: return compare_pixels<2, kFirst>(best, index, pixel, position, channels);
    case 3: return compare_pixels<3, kFirst>(best, index, pixel, position, channels);
    default: return compare_pixels<4, kFirst>(best, index, pixel, position, channels);
  }
}

// One output row of a channels-last plane [H, W, channels].
template <class T> void forward_row_channels_last(T* out, int32_t* index, compute_t<T>* best, const T* plane, int64_t oh,
                                                  int64_t out_width, int64_t height, int64_t width, int64_t channels,
                                                  const Pool2dParams& p) {
  using C = compute_t<T>;
  const Positions rows(p, 0, oh, height);
  for (int64_t ow = 0; ow < out_width; ++ow, out += channels, index += channels) {
    if constexpr (std::is_same_v<T, C>) best = out;
    const Positions columns(p, 1, ow, width);
    const T* pixel[4];
    int32_t position[4];
    int64_t count = 0;
    bool first = true;
    const auto flush = [&]() HWY_ATTR {
      if (first)
        compare_few_pixels<true>(best, index, pixel, position, count, channels);
      else
        compare_few_pixels<false>(best, index, pixel, position, count, channels);
      first = false;
      count = 0;
    };
    for (int64_t kh = rows.first; kh < rows.last; ++kh)
      for (int64_t kw = columns.first; kw < columns.last; ++kw) {
        if (count == 4) flush();
        const int64_t at = rows.input(kh) * width + columns.input(kw);
        pixel[count] = plane + at * channels;
        position[count++] = static_cast<int32_t>(at);
      }
    if (count > 0) flush();
    if (first) {  // no position inside the input
      std::fill_n(best, channels, -std::numeric_limits<C>::infinity());
      std::fill_n(index, channels, -1);
    }
    if constexpr (!std::is_same_v<T, C>)
      for (int64_t c = 0; c < channels; ++c) out[c] = T(best[c]);
  }
}

// Compares position x[ow * stride] for ow in [0, count) with the best so far; `at` is the index of x[0].
template <int kStride, class T> void compare_columns(compute_t<T>* HWY_RESTRICT best, int32_t* HWY_RESTRICT index, const T* x,
                                                     int32_t at, int64_t count, int64_t stride) {
  using C = compute_t<T>;
  if constexpr (kStride != 0) stride = kStride;
  const auto step = static_cast<int32_t>(stride);
  for (int64_t ow = 0; ow < count; ++ow) {
    const C value = C(x[ow * stride]), b = best[ow];
    const int32_t i = index[ow];
    const bool wins = (i < 0) | (value > b) | (value != value);
    best[ow] = wins ? value : b;
    index[ow] = wins ? at + static_cast<int32_t>(ow) * step : i;
  }
}

// One output row of a plane [H, W] of one channel.
template <class T> void forward_row(T* out, int32_t* index, compute_t<T>* best, const T* plane, int64_t oh, int64_t out_width,
                                    int64_t height, int64_t width, const Pool2dParams& p) {
  using C = compute_t<T>;
  if constexpr (std::is_same_v<T, C>) best = out;
  std::fill_n(best, out_width, -std::numeric_limits<C>::infinity());
  std::fill_n(index, out_width, -1);
  const Positions rows(p, 0, oh, height);
  const int64_t stride = p.stride[1];
  for (int64_t kh = rows.first; kh < rows.last; ++kh)
    for (int64_t kw = 0; kw < p.kernel[1]; ++kw) {
      const int64_t shift = kw * p.dilation[1] - p.padding[1];  // output ow reads column ow * stride + shift
      const int64_t begin = std::max<int64_t>(0, ceil_div(-shift, stride));
      const int64_t end = std::min(out_width, ceil_div(width - shift, stride));
      if (begin >= end) continue;
      const int64_t at = rows.input(kh) * width + begin * stride + shift;
      const auto compare = stride == 1 ? &compare_columns<1, T> : stride == 2 ? &compare_columns<2, T> : &compare_columns<0, T>;
      compare(best + begin, index + begin, plane + at, static_cast<int32_t>(at), end - begin, stride);
    }
  if constexpr (!std::is_same_v<T, C>)
    for (int64_t ow = 0; ow < out_width; ++ow) out[ow] = T(best[ow]);
}

template <class T> void forward(const View& out, const View& indices, const View& input, const Pool2dParams& p, Planes planes) {
  const int64_t height = input.sizes[2], width = input.sizes[3], out_height = out.sizes[2], out_width = out.sizes[3];
  const int64_t channels = planes.channels, out_pitch = out_width * channels, plane_size = height * width * channels;
  parallel_for(planes.count * out_height, std::max<int64_t>(1, 8192 / out_pitch), [&](int64_t begin, int64_t end) HWY_ATTR {
    const Scratch<compute_t<T>> best(std::max(out_width, channels));
    const Scratch<int32_t> row_indices(indices.data == nullptr ? out_pitch : 0);  // for indices that nobody wants
    for (int64_t r = begin; r < end; ++r) {
      T* row = out.as<T>() + r * out_pitch;
      int32_t* index = indices.data == nullptr ? row_indices.data() : indices.as<int32_t>() + r * out_pitch;
      const T* plane = input.as<T>() + r / out_height * plane_size;
      const int64_t oh = r % out_height;
      if (channels == 1)
        forward_row(row, index, best.data(), plane, oh, out_width, height, width, p);
      else
        forward_row_channels_last(row, index, best.data(), plane, oh, out_width, height, width, channels, p);
    }
  });
}

// sum[c] (+)= the gradients of K windows whose maximum is the input pixel `at`.
template <int K, bool kAdd, class Out, class C, class T> void gather_windows(Out* HWY_RESTRICT sum, const T* dy,
                                                                             const int32_t* index, const int64_t* window,
                                                                             int32_t at, int64_t channels, C zero) {
  const T* g[K];
  const int32_t* i[K];
  for (int k = 0; k < K; ++k) g[k] = dy + window[k], i[k] = index + window[k];
  for (int64_t c = 0; c < channels; ++c) {
    C total = kAdd ? C(sum[c]) : zero;
    for (int k = 0; k < K; ++k) total += i[k][c] == at ? C(g[k][c]) : zero;
    sum[c] = Out(total);
  }
}

// One input row of a channels-last plane; dy and index are the plane's outputs [OH, OW, channels].
template <class T> void backward_row_channels_last(T* dx, compute_t<T>* sum, const T* dy, const int32_t* index, int64_t ih,
                                                   int64_t width, int64_t out_height, int64_t out_width, int64_t channels,
                                                   const Pool2dParams& p) {
  using C = compute_t<T>;
  const Holders rows(p, 0, ih, out_height);
  for (int64_t iw = 0; iw < width; ++iw, dx += channels) {
    const Holders columns(p, 1, iw, out_width);
    const auto at = static_cast<int32_t>(ih * width + iw);
    int64_t window[4], count = 0;
    const int64_t total = (rows.last - rows.first) * (columns.last - columns.first);
    if (total == 1) {
      const int64_t only = (rows.first * out_width + columns.first) * channels;
      gather_windows<1, false>(dx, dy, index, &only, at, channels, C{0});
      continue;
    }
    if constexpr (std::is_same_v<T, C>) sum = dx;
    std::fill_n(sum, channels, C{0});
    for (int64_t oh = rows.first; oh < rows.last; ++oh)
      for (int64_t ow = columns.first; ow < columns.last; ++ow) {
        window[count++] = (oh * out_width + ow) * channels;
        if (count == 2) gather_windows<2, true>(sum, dy, index, window, at, channels, C{0}), count = 0;
      }
    if (count == 1) gather_windows<1, true>(sum, dy, index, window, at, channels, C{0});
    if constexpr (!std::is_same_v<T, C>)
      for (int64_t c = 0; c < channels; ++c) dx[c] = T(sum[c]);
  }
}

// Adds the gradients of windows two columns wide and two apart to the columns that hold their maxima; `first` is the index of
// sum[0].
template <class C, class T> void add_to_pairs(C* HWY_RESTRICT sum, const T* HWY_RESTRICT dy, const int32_t* HWY_RESTRICT index,
                                              int32_t first, int64_t out_width) {
  for (int64_t ow = 0; ow < out_width; ++ow) {
    const int32_t column = index[ow] - first - 2 * static_cast<int32_t>(ow);
    const C g = C(dy[ow]);
    sum[2 * ow] += column == 0 ? g : C{0};
    sum[2 * ow + 1] += column == 1 ? g : C{0};
  }
}

// One input row of a plane of one channel: each output of the window rows that can hold it either hits this row, or adds zero
// where its window starts (not at one common place, which would make each addition wait for the one before).
template <class T> void backward_row(T* dx, compute_t<T>* sum, const T* dy, const int32_t* index, int64_t ih, int64_t width,
                                     int64_t out_height, int64_t out_width, const Pool2dParams& p) {
  using C = compute_t<T>;
  if constexpr (std::is_same_v<T, C>) sum = dx;
  std::fill_n(sum, width, C{0});
  const Holders rows(p, 0, ih, out_height);
  const auto first = static_cast<int32_t>(ih * width);
  const bool pairs = p.kernel[1] == 2 && p.stride[1] == 2 && p.padding[1] == 0 && p.dilation[1] == 1 && 2 * out_width <= width;
  for (int64_t oh = rows.first; oh < rows.last; ++oh) {
    const T* g = dy + oh * out_width;
    const int32_t* i = index + oh * out_width;
    if (pairs) {
      add_to_pairs(sum, g, i, first, out_width);
      continue;
    }
    for (int64_t ow = 0; ow < out_width; ++ow) {
      const int64_t column = i[ow] - first;
      const bool hit = column >= 0 && column < width;
      sum[hit ? column : std::min(ow * p.stride[1], width - 1)] += hit ? C(g[ow]) : C{0};
    }
  }
  if constexpr (!std::is_same_v<T, C>)
    for (int64_t w = 0; w < width; ++w) dx[w] = T(sum[w]);
}

template <class T>
void backward(const View& grad_input, const View& grad_out, const View& indices, const Pool2dParams& p, Planes planes) {
  const int64_t height = grad_input.sizes[2], width = grad_input.sizes[3], out_height = grad_out.sizes[2],
                out_width = grad_out.sizes[3];
  const int64_t channels = planes.channels, pitch = width * channels, out_plane = out_height * out_width * channels;
  parallel_for(planes.count * height, std::max<int64_t>(1, 8192 / pitch), [&](int64_t begin, int64_t end) HWY_ATTR {
    const Scratch<compute_t<T>> sum(std::max(width, channels));
    for (int64_t r = begin; r < end; ++r) {
      T* dx = grad_input.as<T>() + r * pitch;
      const T* dy = grad_out.as<T>() + r / height * out_plane;
      const int32_t* index = indices.as<int32_t>() + r / height * out_plane;
      const int64_t ih = r % height;
      if (channels == 1)
        backward_row(dx, sum.data(), dy, index, ih, width, out_height, out_width, p);
      else
        backward_row_channels_last(dx, sum.data(), dy, index, ih, width, out_height, out_width, channels, p);
    }
  });
}

void forward_any(const View& out, const View& indices, const View& input, const Pool2dParams& p, Planes planes) {
  dispatch_floating(input.dtype, [&]<class T>() HWY_ATTR { forward<T>(out, indices, input, p, planes); });
}

void backward_any(const View& grad_input, const View& grad_out, const View& indices, const Pool2dParams& p, Planes planes) {
  dispatch_floating(grad_out.dtype, [&]<class T>() HWY_ATTR { backward<T>(grad_input, grad_out, indices, p, planes); });
}

}  // namespace
}  // namespace tessera::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera::kernels::cpu {

HWY_EXPORT(forward_any);
HWY_EXPORT(backward_any);

// Tensors with gaps and mixed memory orders are rare here: the reference serves them.

void max_pool2d_forward(const View& out, const View& indices, const View& input, const Pool2dParams& p) {
  const auto planes = common_planes({&input, &out, &indices});
  if (!planes) return reference::max_pool2d_forward(out, indices, input, p);
  if (out.numel() > 0) HWY_DYNAMIC_DISPATCH(forward_any)(out, indices, input, p, *planes);
}

void max_pool2d_values(const View& out, const View& input, const Pool2dParams& p) {
  max_pool2d_forward(out, no_indices(out), input, p);
}

void max_pool2d_backward(const View& grad_input, const View& grad_out, const View& indices, const Pool2dParams& p) {
  const auto planes = common_planes({&grad_input, &grad_out, &indices});
  if (!planes) return reference::max_pool2d_backward(grad_input, grad_out, indices, p);
  if (grad_input.numel() > 0) HWY_DYNAMIC_DISPATCH(backward_any)(grad_input, grad_out, indices, p, *planes);
}

}  // namespace tessera::kernels::cpu
#endif
