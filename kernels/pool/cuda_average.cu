// Average pooling on CUDA, over windows of one size and adaptive ones.
//
//   forward   a thread has one output pixel, with a pack of channels in channels-last, and sums its window
//   backward  gathers: a thread has one input pixel (and a pack of channels) and sums its shares of the windows that cover it
// The mean over a whole image is a reduction and left to those kernels: one thread an output would be too few.
// Memory traffic: each side once; where windows overlap, from the caches.
#include "kernels/cuda/image.h"
#include "kernels/pool/pool.h"
#include "kernels/reduce/reduce.h"

namespace tessera::kernels::cuda {
namespace {

// The outputs [first, last] whose windows cover an input position.
struct Covering {
  int64_t first, last;
};

struct FixedWindows {
  Pool2dParams params;
  __device__ PoolWindow window(int64_t o, int64_t in, int64_t, int axis) const { return average_window(o, in, params, axis); }
  __device__ Covering covering(int64_t x, int64_t, int64_t out, int axis) const {
    const int64_t start = x + params.padding[axis] - params.kernel[axis] + 1, stride = params.stride[axis];
    return {start <= 0 ? 0 : (start + stride - 1) / stride, min(out - 1, (x + params.padding[axis]) / stride)};
  }
};

struct AdaptiveWindows {
  __device__ PoolWindow window(int64_t o, int64_t in, int64_t out, int) const { return adaptive_window(o, in, out); }
  __device__ Covering covering(int64_t x, int64_t in, int64_t out, int) const { return {x * out / in, ((x + 1) * out - 1) / in}; }
};

template <class S, int V, class Windows> __global__ void __launch_bounds__(kThreads)
    forward_kernel(Image<S, V> out, Image<const S, V> in, Places places, Windows windows) {
  using C = compute_t<S>;
  for (int64_t p = thread_position(); p < places.count(); p += thread_count()) {
    const Place at = places(p);
    const PoolWindow rows = windows.window(at.h, in.height, out.height, 0),
                     columns = windows.window(at.w, in.width, out.width, 1);
    const S* const plane = in.plane(at.n, at.c);
    Pack<C, V> sum{};
    for (int h = static_cast<int>(rows.begin); h < rows.end; ++h) {
      const S* const row = plane + h * in.h_step;
#pragma unroll 4
      for (int w = static_cast<int>(columns.begin); w < columns.end; ++w) {
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
  using C = compute_t<S>;
  for (int64_t p = thread_position(); p < places.count(); p += thread_count()) {
    const Place at = places(p);
    const Covering rows = windows.covering(at.h, grad_in.height, grad_out.height, 0);
    const Covering columns = windows.covering(at.w, grad_in.width, grad_out.width, 1);
    Pack<C, V> sum{};
    for (int oh = static_cast<int>(rows.first); oh <= rows.last; ++oh) {
      const int64_t row_divisor = windows.window(oh, grad_in.height, grad_out.height, 0).divisor;
      for (int ow = static_cast<int>(columns.first); ow <= columns.last; ++ow) {
        const int64_t divisor = row_divisor * windows.window(ow, grad_in.width, grad_out.width, 1).divisor;
        const auto g = convert_pack<C>(load_pack<V>(grad_out.at(at.n, at.c, oh, ow)));
#pragma unroll
        for (int v = 0; v < V; ++v) sum[v] += g[v] / static_cast<C>(divisor);
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

}  // namespace

void avg_pool2d_forward(const View& out, const View& input, const Pool2dParams& params) {
  forward("avg_pool2d", out, input, FixedWindows{params});
}
void avg_pool2d_backward(const View& grad_input, const View& grad_out, const Pool2dParams& params) {
  backward("avg_pool2d_backward", grad_input, grad_out, FixedWindows{params});
}

void adaptive_avg_pool2d_forward(const View& out, const View& input) {
  if (out.sizes[2] == 1 && out.sizes[3] == 1) return reduce(out, input, ReduceOp::Mean);
  forward("adaptive_avg_pool2d", out, input, AdaptiveWindows{});
}
void adaptive_avg_pool2d_backward(const View& grad_input, const View& grad_out) {
  backward("adaptive_avg_pool2d_backward", grad_input, grad_out, AdaptiveWindows{});
}

}  // namespace tessera::kernels::cuda
