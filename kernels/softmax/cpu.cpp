// Softmax, log-softmax and their gradients on the CPU.
//
// Parallel mapping: a thread takes a contiguous range of pixel blocks (pixel_blocks.h); in a block a SIMD lane is a pixel
// (planes) or a class (rows), see softmax-inl.h. No sum crosses blocks, so the result does not depend on the thread count. Memory
// traffic: each input is read once from memory and again from the level-1 cache, the output is written once.
#include "kernels/parallel.h"
#include "kernels/scratch.h"
#include "kernels/softmax/softmax.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/softmax/cpu.cpp"
#include "hwy/foreach_target.h"
#include "kernels/softmax/softmax-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels::HWY_NAMESPACE {

// Applies op.planes or op.rows(out tile, input tiles, classes, pixels) to all blocks. The first view's memory order leads.
template <class S, size_t kInputs, class Op>
void for_each_tile(const View& out, const std::array<View, kInputs>& inputs, int dim, const Op& op) {
  using T = compute_t<S>;
  constexpr bool kDirect = std::is_same_v<S, T>;
  if (out.numel() == 0) return;
  const int64_t classes = out.sizes[dim];
  std::array<View, kInputs + 1> pixels{without_dim(out, dim)};
  for (size_t k = 0; k < kInputs; ++k) pixels[k + 1] = without_dim(inputs[k], dim);
  const PixelBlocks<kInputs + 1> blocks(pixels, block_pixels(classes, sizeof(T)));
  bool unit_steps = blocks.step(0) == 1, unit_strides = out.strides[dim] == 1;
  for (size_t k = 0; k < kInputs; ++k) {
    unit_steps = unit_steps && blocks.step(static_cast<int>(k) + 1) == 1;
    unit_strides = unit_strides && inputs[k].strides[dim] == 1;
  }
  const Order order = tile_order<T>(kDirect, unit_steps, unit_strides, classes);

  parallel_for(blocks.count(), 4, [&](int64_t begin, int64_t end) HWY_ATTR {
    const int64_t stage_size = order == Order::kStaged ? classes * block_pixels(classes, sizeof(T)) : 0;
    const Scratch<T> buffers(stage_size * static_cast<int64_t>(kInputs + 1));
    for (int64_t b = begin; b < end; ++b) {
      const auto block = blocks[b];
      const Tile<S> to{out.as<S>() + block.offset[0], out.strides[dim], blocks.step(0)};
      std::array<Tile<const S>, kInputs> from;
      for (size_t k = 0; k < kInputs; ++k)
        from[k] = {inputs[k].template as<S>() + block.offset[k + 1], inputs[k].strides[dim],
                   blocks.step(static_cast<int>(k) + 1)};
      if (order == Order::kStaged) {
        std::array<Tile<const T>, kInputs> staged;
        for (size_t k = 0; k < kInputs; ++k) {
          const Tile<T> planes =
              stage_in(from[k], classes, block.length, buffers.data() + static_cast<int64_t>(k + 1) * stage_size);
          staged[k] = {planes.data, planes.class_stride, planes.pixel_stride};
        }
        op.planes(Tile<T>{buffers.data(), block.length, 1}, staged, classes, block.length);
        stage_out(static_cast<const T*>(buffers.data()), to, classes, block.length);
      } else if constexpr (kDirect) {
        if (order == Order::kPlanes)
          op.planes(to, from, classes, block.length);
        else
          op.rows(to, from, classes, block.length);
      }
    }
  });
}

template <class T> using Unary = std::array<Tile<const T>, 1>;
template <class T> using Binary = std::array<Tile<const T>, 2>;

struct Softmax {
  template <class T> void planes(const Tile<T>& y, const Unary<T>& in, int64_t classes, int64_t pixels) const {
    const hn::ScalableTag<T> d;
    PerPixel<T> max, sum;
    plane_normalizer<true>(in[0], classes, pixels, max, sum, y);
    over_vectors(d, pixels,
                 [&](int64_t p, auto) HWY_ATTR { hn::Store(hn::Div(hn::Set(d, T{1}), hn::Load(d, &sum[p])), d, &sum[p]); });
    for (int64_t c = 0; c < classes; ++c) {
      T* plane = y.data + c * y.class_stride;
      over_vectors(d, pixels, [&](int64_t p, auto access) HWY_ATTR {
        access.store(hn::Mul(access.load(plane + p), hn::Load(d, &sum[p])), plane + p);
      });
    }
  }

  template <class T> void rows(const Tile<T>& y, const Unary<T>& in, int64_t classes, int64_t pixels) const {
    const hn::ScalableTag<T> d;
    PerPixel<T> max, sum;
    row_normalizer<true>(in[0], classes, pixels, max, sum, y);
    for (int64_t p = 0; p < pixels; ++p) {
      T* row = y.data + p * y.pixel_stride;
      const auto scale = hn::Set(d, T{1} / sum[p]);
      over_vectors(d, classes,
                   [&](int64_t c, auto access) HWY_ATTR { access.store(hn::Mul(access.load(row + c), scale), row + c); });
    }
  }
};

struct LogSoftmax {
  template <class T> void planes(const Tile<T>& y, const Unary<T>& in, int64_t classes, int64_t pixels) const {
    const hn::ScalableTag<T> d;
    const Tile<const T>& x = in[0];
    PerPixel<T> max, log_sum;
    plane_normalizer<false, T>(x, classes, pixels, max, log_sum);
    log_in_place(log_sum, pixels);
    for (int64_t c = 0; c < classes; ++c) {
      const T* from = x.data + c * x.class_stride;
      T* to = y.data + c * y.class_stride;
      over_vectors(d, pixels, [&](int64_t p, auto access) HWY_ATTR {
        access.store(hn::Sub(hn::Sub(access.load(from + p), hn::Load(d, &max[p])), hn::Load(d, &log_sum[p])), to + p);
      });
    }
  }

  template <class T> void rows(const Tile<T>& y, const Unary<T>& in, int64_t classes, int64_t pixels) const {
    const hn::ScalableTag<T> d;
    const Tile<const T>& x = in[0];
    PerPixel<T> max, log_sum;
    row_normalizer<false, T>(x, classes, pixels, max, log_sum);
    log_in_place(log_sum, pixels);
    for (int64_t p = 0; p < pixels; ++p) {
      const T* from = x.data + p * x.pixel_stride;
      T* to = y.data + p * y.pixel_stride;
      const auto m = hn::Set(d, max[p]), l = hn::Set(d, log_sum[p]);
      over_vectors(d, classes,
                   [&](int64_t c, auto access) HWY_ATTR { access.store(hn::Sub(hn::Sub(access.load(from + c), m), l), to + c); });
    }
  }
};

// Inputs of the gradients: in[0] = grad_out, in[1] = the forward pass's output.
//   softmax      sum of g * y,  y * (g - sum)
//   log_softmax  sum of g,      g - exp(y) * sum
struct SoftmaxGradient {
  template <class D, class V = hn::Vec<D>> static HWY_INLINE V term(D, V g, V y) { return hn::Mul(g, y); }
  template <class D, class V = hn::Vec<D>> static HWY_INLINE V result(D, V g, V y, V sum) { return hn::Mul(y, hn::Sub(g, sum)); }
};
struct LogSoftmaxGradient {
  template <class D, class V = hn::Vec<D>> static HWY_INLINE V term(D, V g, V) { return g; }
  template <class D, class V = hn::Vec<D>> static HWY_INLINE V result(D d, V g, V y, V sum) {
    return hn::NegMulAdd(fast_exp(d, y), sum, g);
  }
};

template <class Formula> struct Gradient {
  template <class T> void planes(const Tile<T>& grad, const Binary<T>& in, int64_t classes, int64_t pixels) const {
    const hn::ScalableTag<T> d;
    const Tile<const T>&g = in[0], &y = in[1];
    PerPixel<T> sum;
    over_vectors(d, pixels, [&](int64_t p, auto access) HWY_ATTR {
      hn::Store(grouped_sum(d, classes,
                            [&](int64_t c) HWY_ATTR {
                              return Formula::term(d, access.load(g.data + c * g.class_stride + p),
                                                   access.load(y.data + c * y.class_stride + p));
                            }),
                d, &sum[p]);
    });
    for (int64_t c = 0; c < classes; ++c) {
      const T* g_plane = g.data + c * g.class_stride;
      const T* y_plane = y.data + c * y.class_stride;
      T* out = grad.data + c * grad.class_stride;
      over_vectors(d, pixels, [&](int64_t p, auto access) HWY_ATTR {
        access.store(Formula::result(d, access.load(g_plane + p), access.load(y_plane + p), hn::Load(d, &sum[p])), out + p);
      });
    }
  }

  template <class T> void rows(const Tile<T>& grad, const Binary<T>& in, int64_t classes, int64_t pixels) const {
    const hn::ScalableTag<T> d;
    for (int64_t p = 0; p < pixels; ++p) {
      const T* g = in[0].data + p * in[0].pixel_stride;
      const T* y = in[1].data + p * in[1].pixel_stride;
      T* out = grad.data + p * grad.pixel_stride;
      auto lanes = hn::Zero(d);
      over_vectors(d, classes, [&](int64_t c, auto access) HWY_ATTR {
        lanes = hn::Add(lanes, Formula::term(d, access.load(g + c), access.load(y + c)));
      });
      const auto sum = hn::SumOfLanes(d, lanes);
      over_vectors(d, classes, [&](int64_t c, auto access) HWY_ATTR {
        access.store(Formula::result(d, access.load(g + c), access.load(y + c), sum), out + c);
      });
    }
  }
};

template <class Op> void forward(const View& out, const View& in, int dim) {
  dispatch_floating(in.dtype, [&]<class S>() { for_each_tile<S, 1>(out, {in}, dim, Op{}); });
}
template <class Op> void backward(const View& grad_in, const View& grad_out, const View& out, int dim) {
  dispatch_floating(out.dtype, [&]<class S>() { for_each_tile<S, 2>(grad_in, {grad_out, out}, dim, Op{}); });
}

void SoftmaxForwardImpl(const View& out, const View& in, int dim) {
  forward<Softmax>(out, in, dim);
}
void LogSoftmaxForwardImpl(const View& out, const View& in, int dim) {
  forward<LogSoftmax>(out, in, dim);
}
void SoftmaxBackwardImpl(const View& grad_in, const View& grad_out, const View& out, int dim) {
  backward<Gradient<SoftmaxGradient>>(grad_in, grad_out, out, dim);
}
void LogSoftmaxBackwardImpl(const View& grad_in, const View& grad_out, const View& out, int dim) {
  backward<Gradient<LogSoftmaxGradient>>(grad_in, grad_out, out, dim);
}

}  // namespace tessera::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera::kernels {

HWY_EXPORT(SoftmaxForwardImpl);
HWY_EXPORT(LogSoftmaxForwardImpl);
HWY_EXPORT(SoftmaxBackwardImpl);
HWY_EXPORT(LogSoftmaxBackwardImpl);

namespace cpu {

void softmax_forward(const View& out, const View& in, int dim) {
  HWY_DYNAMIC_DISPATCH(SoftmaxForwardImpl)(out, in, dim);
}

void log_softmax_forward(const View& out, const View& in, int dim) {
  HWY_DYNAMIC_DISPATCH(LogSoftmaxForwardImpl)(out, in, dim);
}

void softmax_backward(const View& grad_in, const View& grad_out, const View& out, int dim) {
  HWY_DYNAMIC_DISPATCH(SoftmaxBackwardImpl)(grad_in, grad_out, out, dim);
}

void log_softmax_backward(const View& grad_in, const View& grad_out, const View& out, int dim) {
  HWY_DYNAMIC_DISPATCH(LogSoftmaxBackwardImpl)(grad_in, grad_out, out, dim);
}

}  // namespace cpu
}  // namespace tessera::kernels
#endif
