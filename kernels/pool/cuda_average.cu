// Average pooling on CUDA, over windows of one size and adaptive ones.
//
//   forward   a thread has one output pixel, with a pack of channels in channels-last, and sums its window
//   backward  gathers: a thread has one input pixel (and a pack of channels) and sums its shares of the windows that cover it
// The mean over a whole image is a reduction, its gradient an elementwise division: both are left to those kernels.
// Memory traffic: each side once; where windows overlap, from the caches.
#include "kernels/cuda/image.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/pool/pool.h"
#include "kernels/reduce/reduce.h"

namespace tessera::kernels::cuda {
namespace {

// The outputs [first, last] whose windows cover an input position.
struct Covering {
  int first, last;
};

struct FixedWindows {
  Pool2dParams params;
  FastDivisor by_stride[2];
  explicit FixedWindows(const Pool2dParams& p) : params(p), by_stride{FastDivisor(p.stride[0]), FastDivisor(p.stride[1])} {}
  __device__ PoolWindowOf<int> window(int o, int in, int, int axis) const { return average_window(o, in, params, axis); }
  __device__ Covering covering(int x, int, int out, int axis) const {
    const int last = x + static_cast<int>(params.padding[axis]), start = last - static_cast<int>(params.kernel[axis]) + 1;
    const int stride = static_cast<int>(params.stride[axis]);
    const auto divide = [&](int n) { return static_cast<int>(by_stride[axis].divide(static_cast<uint32_t>(n))); };
    return {start <= 0 ? 0 : divide(start + stride - 1), min(out - 1, divide(last))};
  }
};

// I: int, or int64_t for images whose sizes multiplied exceed it.
template <class I> struct AdaptiveWindows {
  __device__ PoolWindowOf<int> window(int o, int in, int out, int) const {
    const PoolWindowOf<I> window = adaptive_window<I>(o, in, out);
    return {static_cast<int>(window.begin), static_cast<int>(window.end), static_cast<int>(window.divisor)};
  }
  __device__ Covering covering(int x, int in, int out, int) const {
    return {static_cast<int>(I{x} * out / in), static_cast<int>(((I{x} + 1) * out - 1) / in)};
  }
};

template <class S, int V, class Windows> __global__ void __launch_bounds__(kThreads)
    forward_kernel(Image<S, V> out, Image<const S, V> in, Places places, Windows windows) {
  wait_for_kernel_before();
  using C = compute_t<S>;
  for (int64_t p = thread_position(); p < places.count(); p += thread_count()) {
    const Place at = places(p);
    const PoolWindowOf<int> rows = windows.window(at.h, in.height, out.height, 0),
                            columns = windows.window(at.w, in.width, out.width, 1);
    const S* const plane = in.plane(at.n, at.c);
    Pack<C, V> sum{};
    for (int h = rows.begin; h < rows.end; ++h) {
      const S* const row = plane + h * in.h_step;
#pragma unroll 4
      for (int w = columns.begin; w < columns.end; ++w) {
        const auto x = convert_pack<C>(load_pack<V>(row + w * in.w_step));
#pragma unroll
        for (int v = 0; v < V; ++v) sum[v] += x[v];
      }
    }
    const bool empty = rows.begin == rows.end || columns.begin == columns.end;
    const C share = empty ? C(0) : C(1) / static_cast<C>(rows.divisor * columns.divisor);
#pragma unroll
    for (int v = 0; v < V; ++v) sum[v] = empty ? C(0) : sum[v] * share;
    store_pack(out.at(at.n, at.c, at.h, at.w), convert_pack<S>(sum));
  }
}

template <class S, int V, class Windows> __global__ void __launch_bounds__(kThreads)
    backward_kernel(Image<S, V> grad_in, Image<const S, V> grad_out, Places places, Windows windows) {
  wait_for_kernel_before();
  using C = compute_t<S>;
  for (int64_t p = thread_position(); p < places.count(); p += thread_count()) {
    const Place at = places(p);
    const Covering rows = windows.covering(at.h, grad_in.height, grad_out.height, 0);
    const Covering columns = windows.covering(at.w, grad_in.width, grad_out.width, 1);
    Pack<C, V> sum{};
    for (int oh = rows.first; oh <= rows.last; ++oh) {
      const int row_divisor = windows.window(oh, grad_in.height, grad_out.height, 0).divisor;
      for (int ow = columns.first; ow <= columns.last; ++ow) {
        const int divisor = row_divisor * windows.window(ow, grad_in.width, grad_out.width, 1).divisor;
        const auto g = convert_pack<C>(load_pack<V>(grad_out.at(at.n, at.c, oh, ow)));
        const C share = C(1) / static_cast<C>(divisor);
#pragma unroll
        for (int v = 0; v < V; ++v) sum[v] += g[v] * share;
      }
    }
    store_pack(grad_in.at(at.n, at.c, at.h, at.w), convert_pack<S>(sum));
  }
}

template <class Windows> void forward(const char* name, const View& out, const View& input, const Windows& windows) {
  if (out.numel() == 0) return;
  dispatch_channels({&input, &out}, [&]<class S, int V>() {
    const Places places = places_of<V>(out);
    launch(name, forward_kernel<S, V, Windows>, grid_for(places.count()), kThreads, 0, Image<S, V>(out), Image<const S, V>(input),
           places, windows);
  });
}

template <class Windows> void backward(const char* name, const View& grad_input, const View& grad_out, const Windows& windows) {
  if (grad_input.numel() == 0) return;
  dispatch_channels({&grad_input, &grad_out}, [&]<class S, int V>() {
    const Places places = places_of<V>(grad_input);
    launch(name, backward_kernel<S, V, Windows>, grid_for(places.count()), kThreads, 0, Image<S, V>(grad_input),
           Image<const S, V>(grad_out), places, windows);
  });
}

template <class F> void with_adaptive_windows(const View& image, const View& pooled, F&& body) {
  bool narrow = true;
  for (int d : {2, 3}) narrow = narrow && (image.sizes[d] + 1) * (pooled.sizes[d] + 1) < (int64_t{1} << 31);
  if (narrow)
    body(AdaptiveWindows<int>{});
  else
    body(AdaptiveWindows<int64_t>{});
}

}  // namespace

void avg_pool2d_forward(const View& out, const View& input, const Pool2dParams& params) {
  forward("avg_pool2d", out, input, FixedWindows(params));
}
void avg_pool2d_backward(const View& grad_input, const View& grad_out, const Pool2dParams& params) {
  backward("avg_pool2d_backward", grad_input, grad_out, FixedWindows(params));
}

void adaptive_avg_pool2d_forward(const View& out, const View& input) {
  if (out.sizes[2] == 1 && out.sizes[3] == 1) return reduce(out, input, ReduceOp::Mean);
  with_adaptive_windows(input, out, [&](const auto& windows) { forward("adaptive_avg_pool2d", out, input, windows); });
}
void adaptive_avg_pool2d_backward(const View& grad_input, const View& grad_out) {
  if (grad_out.sizes[2] == 1 && grad_out.sizes[3] == 1) {
    View repeated = grad_out;
    repeated.sizes = grad_input.sizes;
    repeated.strides[2] = repeated.strides[3] = 0;
    return unary(grad_input, repeated, UnaryOp::DivScalar, {static_cast<double>(grad_input.sizes[2] * grad_input.sizes[3])});
  }
  with_adaptive_windows(grad_input, grad_out,
                        [&](const auto& windows) { backward("adaptive_avg_pool2d_backward", grad_input, grad_out, windows); });
}

}  // namespace tessera::kernels::cuda
