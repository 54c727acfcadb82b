// Resampling on CUDA, nearest and bilinear, both ways. The gradients gather: each input pixel sums the outputs that were made of it.
//
//   bilinear forward    A thread has a column of the output (and a pack of channels in channels-last) and goes down a strip of rows. It
//                       keeps the two input rows between which it is, resampled along the width already, so that each input row is read
//                       once a strip: two loads an input row, one store an output row.
//   bilinear backward   The same walk the other way: a thread has a column of the input and goes down a strip of its rows. For each
//                       output row in reach it sums the outputs in reach along the width, once, and adds the sum to the two input rows
//                       that the output row lies between; the upper one is written when it is left behind.
//                       Upsampling in channels-last: cuda_upsample_backward.h.
//   nearest             a thread has one pixel of what it writes (and a pack of channels)
// Memory traffic: each side once; neighbouring columns and strips share what they read in the caches.
#include "kernels/interpolate/cuda_upsample_backward.h"

namespace tessera::kernels::cuda {
namespace {

// `places`: n, channels, strips of `strip` output rows, output columns in groups of kColumns. kColumns > 1 is for NCHW, where what a
// thread writes at once are adjacent columns; V is 1 then.
template <class S, int V, int kColumns> __global__ void __launch_bounds__(kThreads)
    bilinear_forward_kernel(Image<S, V> out, Image<const S, V> in, Places places, int strip, Bilinear<compute_t<S>> map) {
  wait_for_kernel_before();
  using C = compute_t<S>;
  constexpr int N = V * kColumns;
  using Values = Pack<C, N>;
  for (int64_t p = thread_position(); p < places.count(); p += thread_count()) {
    const Place at = places(p);
    int64_t left[kColumns], right[kColumns];
    C lambda[kColumns];
#pragma unroll
    for (int i = 0; i < kColumns; ++i) {
      const LinearSource<C, int> column = map.w(at.w * kColumns + i);
      left[i] = column.index * in.w_step, right[i] = column.neighbour * in.w_step, lambda[i] = column.lambda;
    }
    const S* const plane = in.plane(at.n, at.c);
    const auto resampled_row = [&](int h) {
      const S* const row = plane + h * in.h_step;
      Pack<S, V> a[kColumns], b[kColumns];
#pragma unroll
      for (int i = 0; i < kColumns; ++i) a[i] = load_pack<V>(row + left[i]), b[i] = load_pack<V>(row + right[i]);
      Values result;
#pragma unroll
      for (int i = 0; i < kColumns; ++i) {
        const auto from_left = convert_pack<C>(a[i]), from_right = convert_pack<C>(b[i]);
#pragma unroll
        for (int v = 0; v < V; ++v) result[i * V + v] = (1 - lambda[i]) * from_left[v] + lambda[i] * from_right[v];
      }
      return result;
    };
    Values upper{}, lower{};
    int upper_at = -1, lower_at = -1;
    const int end = min(out.height, (at.h + 1) * strip);
    S* to = out.at(at.n, at.c, at.h * strip, at.w * kColumns);
    for (int oh = at.h * strip; oh < end; ++oh, to += out.h_step) {
      const LinearSource<C, int> row = map.h(oh);
      if (row.index != upper_at) {
        upper = row.index == lower_at ? lower : resampled_row(row.index);
        upper_at = row.index;
      }
      if (row.neighbour != lower_at) {
        lower = row.neighbour == upper_at ? upper : resampled_row(row.neighbour);
        lower_at = row.neighbour;
      }
      Values y;
#pragma unroll
      for (int v = 0; v < N; ++v) y[v] = (1 - row.lambda) * upper[v] + row.lambda * lower[v];
      store_pack(to, convert_pack<S>(y));
    }
  }
}

// `places`: n, channels, strips of `strip` input rows, input columns.
template <class S, int V> __global__ void __launch_bounds__(kThreads)
    bilinear_backward_kernel(Image<S, V> grad_in, Image<const S, V> grad_out, Places places, int strip,
                             Bilinear<compute_t<S>> map) {
  wait_for_kernel_before();
  using C = compute_t<S>;
  for (int64_t p = thread_position(); p < places.count(); p += thread_count()) {
    const Place at = places(p);
    const int w_first = map.w.first_output(at.w - 1), w_end = map.w.first_output(at.w + 1), taps = w_end - w_first;
    C held[kHeldTaps];
#pragma unroll
    for (int i = 0; i < kHeldTaps; ++i) held[i] = i < taps ? map.w.weight(w_first + i, at.w) : C(0);

    const int begin = at.h * strip, end = min(grad_in.height, begin + strip);
    int current = begin;  // the row whose sum is `upper`
    Pack<C, V> upper{}, lower{};
    S* to = grad_in.at(at.n, at.c, begin, at.w);
    const S* const first_column = grad_out.at(at.n, at.c, 0, w_first);
    const auto leave_row = [&] {
      store_pack(to, convert_pack<S>(upper));
      to += grad_in.h_step;
      upper = lower;
      lower = {};
      ++current;
    };
    const int oh_end = map.h.first_output(end);
    // The loads of the next row are on their way while a row is summed.
    Pack<S, V> g[kHeldTaps], next[kHeldTaps];
    const auto load_row = [&](Pack<S, V>(&row)[kHeldTaps], int oh) {
#pragma unroll
      for (int i = 0; i < kHeldTaps; ++i)
        if (i < taps && taps <= kHeldTaps && oh < oh_end)
          row[i] = load_pack<V>(first_column + oh * grad_out.h_step + i * grad_out.w_step);
    };
    int oh = map.h.first_output(begin - 1);
    load_row(next, oh);
    for (; oh < oh_end; ++oh) {
      const LinearSource<C, int> row = map.h(oh);
      Pack<C, V> sum{};
#pragma unroll
      for (int i = 0; i < kHeldTaps; ++i) g[i] = next[i];
      load_row(next, oh + 1);
      if (taps <= kHeldTaps) {
#pragma unroll
        for (int i = 0; i < kHeldTaps; ++i)
          if (i < taps) add_scaled(sum, held[i], convert_pack<C>(g[i]));
      } else {
        const S* const from = first_column + oh * grad_out.h_step;
        for (int i = 0; i < taps; ++i)
          add_scaled(sum, map.w.weight(w_first + i, at.w), convert_pack<C>(load_pack<V>(from + i * grad_out.w_step)));
      }
      while (row.index > current) leave_row();
      if (row.index == current) add_scaled(upper, 1 - row.lambda, sum);
      if (row.neighbour == current)
        add_scaled(upper, row.lambda, sum);
      else if (row.neighbour == current + 1)
        add_scaled(lower, row.lambda, sum);
    }
    while (current < end) leave_row();
  }
}

template <class S, int V> __global__ void __launch_bounds__(kThreads)
    nearest_forward_kernel(Image<S, V> out, Image<const S, V> in, Places places, InterpolateParams params) {
  wait_for_kernel_before();
  for (int64_t p = thread_position(); p < places.count(); p += thread_count()) {
    const Place at = places(p);
    const int h = nearest_source(at.h, params.scale_h, in.height);
    const int w = nearest_source(at.w, params.scale_w, in.width);
    store_pack(out.at(at.n, at.c, at.h, at.w), load_pack<V>(in.at(at.n, at.c, h, w)));
  }
}

// The first of `out` outputs whose source is x or more; `out` if there is none.
__device__ inline int first_nearest(int x, double scale, int in, int out) {
  if (x >= in) return out;
  const float estimate = static_cast<float>(x) / static_cast<float>(scale);
  int o = estimate < static_cast<float>(out) ? static_cast<int>(estimate) : out;
  while (o > 0 && nearest_source(o - 1, scale, in) >= x) --o;
  while (o < out && nearest_source(o, scale, in) < x) ++o;
  return o;
}

template <class S, int V> __global__ void __launch_bounds__(kThreads)
    nearest_backward_kernel(Image<S, V> grad_in, Image<const S, V> grad_out, Places places, InterpolateParams params) {
  wait_for_kernel_before();
  using C = compute_t<S>;
  for (int64_t p = thread_position(); p < places.count(); p += thread_count()) {
    const Place at = places(p);
    const int h_first = first_nearest(at.h, params.scale_h, grad_in.height, grad_out.height);
    const int h_end = first_nearest(at.h + 1, params.scale_h, grad_in.height, grad_out.height);
    const int w_first = first_nearest(at.w, params.scale_w, grad_in.width, grad_out.width);
    const int w_end = first_nearest(at.w + 1, params.scale_w, grad_in.width, grad_out.width);
    Pack<C, V> sum{};
    for (int oh = h_first; oh < h_end; ++oh)
      for (int ow = w_first; ow < w_end; ++ow)
        add_scaled(sum, C(1), convert_pack<C>(load_pack<V>(grad_out.at(at.n, at.c, oh, ow))));
    store_pack(grad_in.at(at.n, at.c, at.h, at.w), convert_pack<S>(sum));
  }
}

// Rows a strip for what is written: long strips read less twice, but the device must be full. `values`: written at once.
int64_t strip_rows(const View& written, int values) {
  const int64_t columns = written.numel() / (written.sizes[2] * values), wanted = int64_t{multiprocessors()} * 2048 * 2;
  return std::clamp<int64_t>(columns * written.sizes[2] / wanted, 1, 16);
}

template <int V, int kColumns = 1> Places strips_of(const View& written, int64_t strip) {
  View strips = written;
  strips.sizes[2] = div_up(written.sizes[2], strip);
  strips.sizes[3] /= kColumns;
  return places_of<V>(strips);
}

constexpr int kAdjacentColumns = 4;

// Whether kAdjacentColumns of an image can be written at once.
bool columns_fit(const View& image) {
  bool fits = image.strides[3] == 1 && image.sizes[3] % kAdjacentColumns == 0 &&
              is_aligned(image.data, std::min<size_t>(16, kAdjacentColumns * element_size(image.dtype)));
  for (int d = 0; d < 3; ++d) fits = fits && (image.sizes[d] == 1 || image.strides[d] % kAdjacentColumns == 0);
  return fits;
}

}  // namespace

void bilinear2d_forward(const View& out, const View& input, const InterpolateParams& params) {
  if (out.numel() == 0) return;
  dispatch_channels({&input, &out}, [&]<class S, int V>() {
    const auto run = [&]<int kColumns>() {
      const int64_t strip = strip_rows(out, V * kColumns);
      const Places places = strips_of<V, kColumns>(out, strip);
      launch("bilinear2d", bilinear_forward_kernel<S, V, kColumns>, grid_for(places.count()), kThreads, 0, Image<S, V>(out),
             Image<const S, V>(input), places, static_cast<int>(strip), Bilinear<compute_t<S>>(input, out, params));
    };
    if constexpr (V == 1 && sizeof(S) < 8)
      if (columns_fit(out)) return run.template operator()<kAdjacentColumns>();
    run.template operator()<1>();
  });
}

void bilinear2d_backward(const View& grad_input, const View& grad_out, const InterpolateParams& params) {
  if (grad_input.numel() == 0) return;
  dispatch_channels({&grad_input, &grad_out}, [&]<class S, int V>() {
    const Bilinear<compute_t<S>> map(grad_input, grad_out, params);
    if constexpr (V > 1)
      if (const int columns = upsample_columns(map.w); columns > 0 && std::max(grad_input.sizes[0], grad_input.sizes[2]) < 65536)
        return run_upsample_backward<S, V>(grad_input, grad_out, columns, map);
    const int64_t strip = strip_rows(grad_input, V);
    const Places places = strips_of<V>(grad_input, strip);
    launch("bilinear2d_backward", bilinear_backward_kernel<S, V>, grid_for(places.count()), kThreads, 0, Image<S, V>(grad_input),
           Image<const S, V>(grad_out), places, static_cast<int>(strip), map);
  });
}

void nearest2d_forward(const View& out, const View& input, const InterpolateParams& params) {
  if (out.numel() == 0) return;
  dispatch_channels({&input, &out}, [&]<class S, int V>() {
    const Places places = places_of<V>(out);
    launch("nearest2d", nearest_forward_kernel<S, V>, grid_for(places.count()), kThreads, 0, Image<S, V>(out),
           Image<const S, V>(input), places, params);
  });
}

void nearest2d_backward(const View& grad_input, const View& grad_out, const InterpolateParams& params) {
  if (grad_input.numel() == 0) return;
  dispatch_channels({&grad_input, &grad_out}, [&]<class S, int V>() {
    const Places places = places_of<V>(grad_input);
    launch("nearest2d_backward", nearest_backward_kernel<S, V>, grid_for(places.count()), kThreads, 0, Image<S, V>(grad_input),
           Image<const S, V>(grad_out), places, params);
  });
}

}  // namespace tessera::kernels::cuda
