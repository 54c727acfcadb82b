// One axis of a bilinear map on the device: which outputs an input adds to, and with what weight. For .cu files.
#pragma once

#include "kernels/cuda/image.h"
#include "kernels/interpolate/interpolate.h"

namespace tessera::kernels::cuda {

template <class C> struct LinearAxis {
  bool align_corners;
  C step;  // source positions from one output to the next
  int in, out;

  LinearAxis(bool corners, double scale, int64_t in_size, int64_t out_size)
      : align_corners(corners),
        step(linear_step<C>(corners, scale, in_size, out_size)),
        in(static_cast<int>(in_size)),
        out(static_cast<int>(out_size)) {}

  __device__ LinearSource<C, int> operator()(int o) const { return linear_source_at<C>(o, align_corners, step, in); }

  // The first output whose source index is `index` or more; `out` if there is none. The estimate is exact up to rounding.
  __device__ int first_output(int index) const {
    if (index <= 0) return 0;
    const C estimate = align_corners ? index / step : (index + C(0.5)) / step - C(0.5);
    int o = estimate < static_cast<C>(out) ? max(0, static_cast<int>(estimate)) : out;
    while (o > 0 && (*this)(o - 1).index >= index) --o;
    while (o < out && (*this)(o).index < index) ++o;
    return o;
  }
  // What output o is multiplied by where it adds to input x.
  __device__ C weight(int o, int x) const {
    const LinearSource<C, int> source = (*this)(o);
    return (source.index == x ? 1 - source.lambda : C(0)) + (source.neighbour == x ? source.lambda : C(0));
  }
};

template <class C> struct Bilinear {
  LinearAxis<C> h, w;
  Bilinear(const View& in, const View& out, const InterpolateParams& p)
      : h(p.align_corners, p.scale_h, in.sizes[2], out.sizes[2]), w(p.align_corners, p.scale_w, in.sizes[3], out.sizes[3]) {}
};

template <int V, class C> __device__ inline void add_scaled(Pack<C, V>& sum, C factor, const Pack<C, V>& x) {
#pragma unroll
  for (int v = 0; v < V; ++v) sum[v] += factor * x[v];
}

// Outputs along the width whose weights a thread keeps in registers: enough to double an image.
inline constexpr int kHeldTaps = 6;

}  // namespace tessera::kernels::cuda
