// Max pooling on CUDA.
//
//   forward   a thread has one output pixel, with a pack of channels in channels-last: it loads the window, then compares. 2x2 and 3x3
//             windows are unrolled, so that all loads are in flight together.
//   backward  gathers, so that no order of additions is left open: a thread has one input pixel (and a pack of channels) and sums the
//             gradients of the windows whose index names it. Where windows do not overlap, a thread has a window instead and writes all
//             of its pixels, with gradient and index read once.
//   3x3 with stride 2 in channels-last: cuda_max3.h.
//   2x2, NCHW a thread has the windows below 16 bytes of two adjacent rows.
// Memory traffic: forward the input once (overlaps come from the caches), output and indices, where they are wanted, once; backward the
// reverse.
#include "kernels/pool/cuda_max3.h"

namespace tessera::kernels::cuda {
namespace {

// The first maximum wins; a NaN beats all numbers, and the last NaN wins.
template <class C> struct Best {
  C value = -std::numeric_limits<C>::infinity();
  int index = -1;
  __device__ void take(C x, int at) {
    if (index < 0 || x > value || x != x) {
      value = x;
      index = at;
    }
  }
};

// kKernel: the size of a square window, 0 for one of any shape and dilation.
template <class S, int V, int kKernel> __global__ void __launch_bounds__(kThreads)
    forward_kernel(Image<S, V> out, Image<int32_t, V> indices, Image<const S, V> in, Places places, Window window) {
  wait_for_kernel_before();
  using C = compute_t<S>;
  for (int64_t p = thread_position(); p < places.count(); p += thread_count()) {
    const Place at = places(p);
    const S* const plane = in.plane(at.n, at.c);
    const int h0 = at.h * window.stride[0] - window.padding[0], w0 = at.w * window.stride[1] - window.padding[1];
    Best<C> best[V];
    const auto take = [&](const Pack<S, V>& stored, int h, int w) {
      const auto x = convert_pack<C>(stored);
#pragma unroll
      for (int v = 0; v < V; ++v) best[v].take(x[v], h * in.width + w);
    };
    const auto inside = [&](int h, int w) { return h >= 0 && h < in.height && w >= 0 && w < in.width; };
    if constexpr (kKernel > 0) {
      Pack<S, V> x[kKernel * kKernel];
#pragma unroll
      for (int i = 0; i < kKernel * kKernel; ++i) {
        const int h = h0 + i / kKernel, w = w0 + i % kKernel;
        if (inside(h, w)) x[i] = load_pack<V>(plane + h * in.h_step + w * in.w_step);
      }
#pragma unroll
      for (int i = 0; i < kKernel * kKernel; ++i) {
        const int h = h0 + i / kKernel, w = w0 + i % kKernel;
        if (inside(h, w)) take(x[i], h, w);
      }
    } else {
      for (int kh = 0; kh < window.kernel[0]; ++kh)
        for (int kw = 0; kw < window.kernel[1]; ++kw) {
          const int h = h0 + kh * window.dilation[0], w = w0 + kw * window.dilation[1];
          if (inside(h, w)) take(load_pack<V>(plane + h * in.h_step + w * in.w_step), h, w);
        }
    }
    Pack<C, V> values;
    int32_t places_of_best[V];
#pragma unroll
    for (int v = 0; v < V; ++v) values[v] = best[v].value, places_of_best[v] = best[v].index;
    store_pack(out.at(at.n, at.c, at.h, at.w), convert_pack<S>(values));
    if (indices.data != nullptr) store_values(indices.at(at.n, at.c, at.h, at.w), places_of_best);
  }
}

template <class S, int V> __global__ void __launch_bounds__(kThreads)
    backward_kernel(Image<S, V> grad_in, Image<const S, V> grad_out, Image<const int32_t, V> indices, Places places,
                    Window window) {
  wait_for_kernel_before();
  using C = compute_t<S>;
  // Windows [first, last] that may cover a position of an axis.
  const auto divide = [&](int n, int a) { return static_cast<int>(window.by_stride[a].divide(static_cast<uint32_t>(n))); };
  const auto first = [&](int x, int a) {
    const int start = x + window.padding[a] - window.dilation[a] * (window.kernel[a] - 1);
    return start <= 0 ? 0 : divide(start + window.stride[a] - 1, a);
  };
  const auto last = [&](int x, int a, int outputs) { return min(outputs - 1, divide(x + window.padding[a], a)); };
  for (int64_t p = thread_position(); p < places.count(); p += thread_count()) {
    const Place at = places(p);
    const int index = at.h * grad_in.width + at.w;
    const int h_first = first(at.h, 0), h_last = last(at.h, 0, grad_out.height);
    const int w_first = first(at.w, 1), w_last = last(at.w, 1, grad_out.width);
    Pack<C, V> sum{};
    for (int oh = h_first; oh <= h_last; ++oh)
      for (int ow = w_first; ow <= w_last; ++ow) {
        int32_t found[V];
        load_values(found, indices.at(at.n, at.c, oh, ow));
        const auto g = convert_pack<C>(load_pack<V>(grad_out.at(at.n, at.c, oh, ow)));
#pragma unroll
        for (int v = 0; v < V; ++v)
          if (found[v] == index) sum[v] += g[v];
      }
    store_pack(grad_in.at(at.n, at.c, at.h, at.w), convert_pack<S>(sum));
  }
}

// Windows side by side: `places` are those of all windows, and of the pixels beyond the last one, which get 0.
template <class S, int V> __global__ void __launch_bounds__(kThreads)
    partition_backward_kernel(Image<S, V> grad_in, Image<const S, V> grad_out, Image<const int32_t, V> indices, Places places,
                              Window window) {
  wait_for_kernel_before();
  for (int64_t p = thread_position(); p < places.count(); p += thread_count()) {
    const Place at = places(p);
    int32_t found[V];
    Pack<S, V> g{};
    if (at.h < grad_out.height && at.w < grad_out.width) {
      load_values(found, indices.at(at.n, at.c, at.h, at.w));
      g = load_pack<V>(grad_out.at(at.n, at.c, at.h, at.w));
    } else {
#pragma unroll
      for (int v = 0; v < V; ++v) found[v] = -1;
    }
    for (int kh = 0; kh < window.kernel[0]; ++kh)
      for (int kw = 0; kw < window.kernel[1]; ++kw) {
        const int h = at.h * window.kernel[0] + kh, w = at.w * window.kernel[1] + kw;
        if (h >= grad_in.height || w >= grad_in.width) continue;
        Pack<S, V> part;
#pragma unroll
        for (int v = 0; v < V; ++v) part[v] = found[v] == h * grad_in.width + w ? g[v] : S{};
        store_pack(grad_in.at(at.n, at.c, h, w), part);
      }
  }
}

// --- 2x2 in NCHW --------------------------------------------------------------------------------------------------------------------

// Adjacent windows a thread: they lie below 16 bytes of two rows, so that a warp writes whole sectors.
template <class S> constexpr int kRun = 8 / sizeof(S);

// `runs` of windows, counted over all planes; by_row divides by those of a row, by_height by the rows of a plane.
template <class S> __global__ void __launch_bounds__(kThreads)
    run_forward_kernel(S* out, int32_t* indices, const S* in, int64_t runs, FastDivisor by_row, FastDivisor by_height,
                       int width) {
  wait_for_kernel_before();
  using C = compute_t<S>;
  for (int64_t r = thread_position(); r < runs; r += thread_count()) {
    const QuotientRemainder split = by_row(static_cast<uint32_t>(r));
    const int h = 2 * static_cast<int>(by_height(split.quotient).remainder), w = 2 * kRun<S> * static_cast<int>(split.remainder);
    const S* const from = in + int64_t{2} * split.quotient * width + w;
    S x[2][2 * kRun<S>];
    load_values(x[0], from);
    load_values(x[1], from + width);
    S values[kRun<S>];
    int32_t found[kRun<S>];
#pragma unroll
    for (int v = 0; v < kRun<S>; ++v) {
      Best<C> best;
#pragma unroll
      for (int i = 0; i < 4; ++i) best.take(convert_to<C>(x[i / 2][2 * v + i % 2]), (h + i / 2) * width + w + 2 * v + i % 2);
      values[v] = convert_to<S>(best.value), found[v] = best.index;
    }
    store_values(out + r * kRun<S>, values);
    if (indices != nullptr) store_values(indices + r * kRun<S>, found);
  }
}

template <class S> __global__ void __launch_bounds__(kThreads)
    run_backward_kernel(S* grad_in, const S* grad_out, const int32_t* indices, int64_t runs, FastDivisor by_row,
                        FastDivisor by_height, int width) {
  wait_for_kernel_before();
  for (int64_t r = thread_position(); r < runs; r += thread_count()) {
    const QuotientRemainder split = by_row(static_cast<uint32_t>(r));
    const int h = 2 * static_cast<int>(by_height(split.quotient).remainder), w = 2 * kRun<S> * static_cast<int>(split.remainder);
    S g[kRun<S>], x[2][2 * kRun<S>];
    int32_t found[kRun<S>];
    load_values(g, grad_out + r * kRun<S>);
    load_values(found, indices + r * kRun<S>);
#pragma unroll
    for (int i = 0; i < 2; ++i)
#pragma unroll
      for (int j = 0; j < 2 * kRun<S>; ++j) x[i][j] = found[j / 2] == (h + i) * width + w + j ? g[j / 2] : S{};
    S* const to = grad_in + int64_t{2} * split.quotient * width + w;
    store_values(to, x[0]);
    store_values(to + width, x[1]);
  }
}

// Whether `image` is a dense NCHW image, cut without rest into runs of the 2x2 windows of `pooled` and `indices`.
template <class S> bool runs_fit(const Window& window, const View& image, const View& pooled, const View& indices) {
  return window.is_square(2) && window.is_partition() && image.sizes[2] == 2 * pooled.sizes[2] &&
         image.sizes[3] == 2 * pooled.sizes[3] && pooled.sizes[3] % kRun<S> == 0 && image.is_contiguous() &&
         pooled.is_contiguous() && indices.is_contiguous() && pooled.numel() < (int64_t{1} << 31) && is_aligned(image.data) &&
         is_aligned(pooled.data) && is_aligned(indices.data);
}

template <class S, class F> void run_runs(const View& pooled, const F& run) {
  const int64_t runs = pooled.numel() / kRun<S>;
  run(grid_for(runs), runs, FastDivisor(pooled.sizes[3] / kRun<S>), FastDivisor(pooled.sizes[2]));
}

}  // namespace

void max_pool2d_forward(const View& out, const View& indices, const View& input, const Pool2dParams& params) {
  if (out.numel() == 0) return;
  const Window window(params);
  dispatch_channels({&input, &out, &indices}, [&]<class S, int V>() {
    const int width = static_cast<int>(input.sizes[3]);
    if (V == 1 && runs_fit<S>(window, input, out, indices))
      return run_runs<S>(out, [&](dim3 grid, int64_t runs, FastDivisor by_row, FastDivisor by_height) {
        launch("max_pool2d_runs", run_forward_kernel<S>, grid, kThreads, 0, out.as<S>(), indices.as<int32_t>(), input.as<S>(),
               runs, by_row, by_height, width);
      });
    if constexpr (V > 1)
      if (is_max3(window, input, out)) return max3_forward<S, V>(out, indices, input, window);
    const auto run = [&](auto* kernel) {
      const Places places = places_of<V>(out);
      launch("max_pool2d", kernel, grid_for(places.count()), kThreads, 0, Image<S, V>(out), Image<int32_t, V>(indices),
             Image<const S, V>(input), places, window);
    };
    if (window.is_square(2))
      run(forward_kernel<S, V, 2>);
    else if (window.is_square(3))
      run(forward_kernel<S, V, 3>);
    else
      run(forward_kernel<S, V, 0>);
  });
}

void max_pool2d_values(const View& out, const View& input, const Pool2dParams& params) {
  max_pool2d_forward(out, no_indices(out), input, params);
}

void max_pool2d_backward(const View& grad_input, const View& grad_out, const View& indices, const Pool2dParams& params) {
  if (grad_input.numel() == 0) return;
  const Window window(params);
  dispatch_channels({&grad_input, &grad_out, &indices}, [&]<class S, int V>() {
    const int width = static_cast<int>(grad_input.sizes[3]);
    if (V == 1 && runs_fit<S>(window, grad_input, grad_out, indices))
      return run_runs<S>(grad_out, [&](dim3 grid, int64_t runs, FastDivisor by_row, FastDivisor by_height) {
        launch("max_pool2d_backward_runs", run_backward_kernel<S>, grid, kThreads, 0, grad_input.as<S>(), grad_out.as<S>(),
               indices.as<int32_t>(), runs, by_row, by_height, width);
      });
    if constexpr (V > 1)
      if (is_max3(window, grad_input, grad_out)) return max3_backward<S, V>(grad_input, grad_out, indices, window);
    const auto run = [&](auto* kernel, const Places& places) {
      launch("max_pool2d_backward", kernel, grid_for(places.count()), kThreads, 0, Image<S, V>(grad_input),
             Image<const S, V>(grad_out), Image<const int32_t, V>(indices), places, window);
    };
    if (V > 1 && window.is_partition()) {
      const auto& s = grad_input.sizes;
      run(partition_backward_kernel<S, V>,
          Places(s[0], s[1] / V, div_up(s[2], window.kernel[0]), div_up(s[3], window.kernel[1]), /*channels_last=*/true));
    } else {
      run(backward_kernel<S, V>, places_of<V>(grad_input));
    }
  });
}

}  // namespace tessera::kernels::cuda
