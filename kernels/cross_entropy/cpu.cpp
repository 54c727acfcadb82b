// Fused cross-entropy on the CPU.
//
// Parallel mapping: a thread takes a contiguous range of pixel blocks (kernels/softmax/pixel_blocks.h); in a block a SIMD lane is
// a pixel (planes) or a class (rows), see softmax-inl.h. Partial weights are kept a block each and added in block order, so the
// result does not depend on the thread count.
// Memory traffic: forward reads the logits once from memory and writes two numbers a pixel; backward reads the logits and writes
// their gradient once. Composed of log_softmax and nll_loss it would move the C numbers of a pixel seven times instead of three.
#include "kernels/cross_entropy/cross_entropy.h"
#include "kernels/nll_loss/targets.h"
#include "kernels/parallel.h"
#include "kernels/scratch.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cross_entropy/cpu.cpp"
#include "hwy/foreach_target.h"
#include "kernels/softmax/softmax-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels::HWY_NAMESPACE {

// The constants of the formula.
template <class T> struct ClassFactors {
  const T* weight;  // null: all ones
  T hard;           // 1 - label_smoothing
  T soft;           // label_smoothing / C
  T soft_sum;       // soft * sum of the class weights

  ClassFactors(const View& class_weight, int64_t classes, double smoothing)
      : weight(class_weight.as<T>()), hard(static_cast<T>(1 - smoothing)), soft(static_cast<T>(smoothing / classes)) {
    double sum = weight ? 0 : static_cast<double>(classes);
    for (int64_t c = 0; weight && c < classes; ++c) sum += weight[c];
    soft_sum = static_cast<T>(smoothing / classes * sum);
  }
  T of(int64_t c) const { return weight ? weight[c] : T{1}; }
};

// One number a pixel of some operand of the block.
template <class T> struct Run {
  T* data;
  int64_t step;
  T& operator[](int64_t p) const { return data[p * step]; }
};

template <class S> void forward(const View& loss, const View& log_normalizer, const View& total_weight, const View& first_invalid,
                                const View& logits, const View& target, const View& weight, const CrossEntropyParams& params) {
  using T = compute_t<S>;
  constexpr bool kDirect = std::is_same_v<S, T>;
  const int64_t classes = logits.sizes[1], block_length = block_pixels(classes, sizeof(T));
  const ClassFactors<T> factors(weight, classes, params.label_smoothing);
  const PixelBlocks<4> blocks({without_dim(logits, 1), loss, log_normalizer, target}, block_length);
  const Order order = tile_order<T>(kDirect, blocks.step(0) == 1, logits.strides[1] == 1, classes);
  const Scratch<TargetTally> tallies(blocks.count());

  parallel_for(blocks.count(), 4, [&](int64_t begin, int64_t end) HWY_ATTR {
    const Scratch<T> buffer(order == Order::kStaged ? classes * block_length : 0);
    PerPixel<T> max, log_sum;
    for (int64_t b = begin; b < end; ++b) {
      const auto block = blocks[b];
      const int64_t pixels = block.length;
      Tile<const S> from{logits.as<S>() + block.offset[0], logits.strides[1], blocks.step(0)};
      Tile<const T> x;
      if constexpr (kDirect) x = from;
      if (order == Order::kStaged) {
        const Tile<T> planes = stage_in(from, classes, pixels, buffer.data());
        x = {planes.data, planes.class_stride, planes.pixel_stride};
      }
      if (order == Order::kRows)
        row_normalizer<false, T>(x, classes, pixels, max, log_sum);
      else
        plane_normalizer<false, T>(x, classes, pixels, max, log_sum);
      log_in_place(log_sum, pixels);

      const Run<T> losses{loss.as<T>() + block.offset[1], blocks.step(1)};
      const Run<T> normalizers{log_normalizer.as<T>() + block.offset[2], blocks.step(2)};
      const Run<const int64_t> targets{target.as<int64_t>() + block.offset[3], blocks.step(3)};
      TargetTally tally;
      for (int64_t p = 0; p < pixels; ++p) {
        const int64_t t = targets[p];
        const T* pixel = x.data + p * x.pixel_stride;
        T value = 0;
        if (tally.counts(t, classes, params.ignore_index)) {
          const T wt = factors.of(t);
          value = factors.hard * wt * (log_sum[p] - (pixel[t * x.class_stride] - max[p]));
          if (factors.soft != 0) {
            T weighted = 0;  // sum_c w_c * (x_c - max)
            for (int64_t c = 0; c < classes; ++c) weighted += factors.of(c) * (pixel[c * x.class_stride] - max[p]);
            value += factors.soft_sum * log_sum[p] - factors.soft * weighted;
          }
          tally.weight += wt;
        }
        losses[p] = value;
        normalizers[p] = max[p] + log_sum[p];
      }
      tallies[b] = tally;
    }
  });
  const TargetTally total = sum_tallies(tallies.data(), blocks.count());
  *total_weight.as<T>() = static_cast<T>(total.weight);
  *first_invalid.as<int64_t>() = total.invalid ? find_invalid_target(target, classes, params.ignore_index) : -1;
}

// What the gradient of a pixel needs beside its logits: grad_c = exp(x_c - normalizer) * scale - soft * w_c,
// and at the target grad_loss * hard * w_t less.
template <class T> struct PixelTerms { PerPixel<T> normalizer, scale, soft; };

template <class T> void plane_gradient(const Tile<T>& grad, const Tile<const T>& x, int64_t classes, int64_t pixels,
                                       PixelTerms<T>& terms, const ClassFactors<T>& factors) {
  const hn::ScalableTag<T> d;
  for (int64_t c = 0; c < classes; ++c) {
    const T* from = x.data + c * x.class_stride;
    T* to = grad.data + c * grad.class_stride;
    const auto wc = hn::Set(d, factors.of(c));
    over_vectors(d, pixels, [&](int64_t p, auto access) HWY_ATTR {
      const auto e = fast_exp(d, hn::Sub(access.load(from + p), hn::Load(d, &terms.normalizer[p])));
      const auto soft = hn::Mul(hn::Load(d, &terms.soft[p]), wc);
      access.store(hn::MulSub(e, hn::Load(d, &terms.scale[p]), soft), to + p);
    });
  }
}

template <class T> void row_gradient(const Tile<T>& grad, const Tile<const T>& x, int64_t classes, int64_t pixels,
                                     PixelTerms<T>& terms, const ClassFactors<T>& factors) {
  const hn::ScalableTag<T> d;
  for (int64_t p = 0; p < pixels; ++p) {
    const T* from = x.data + p * x.pixel_stride;
    T* to = grad.data + p * grad.pixel_stride;
    const auto normalizer = hn::Set(d, terms.normalizer[p]), scale = hn::Set(d, terms.scale[p]), soft = hn::Set(d, terms.soft[p]);
    over_vectors(d, classes, [&](int64_t c, auto access) HWY_ATTR {
      const auto e = fast_exp(d, hn::Sub(access.load(from + c), normalizer));
      const auto wc = factors.weight ? access.load(factors.weight + c) : hn::Set(d, T{1});
      access.store(hn::MulSub(e, scale, hn::Mul(soft, wc)), to + c);
    });
  }
}

template <class S> void backward(const View& grad_logits, const View& grad_loss, const View& logits, const View& log_normalizer,
                                 const View& target, const View& weight, const CrossEntropyParams& params) {
  using T = compute_t<S>;
  constexpr bool kDirect = std::is_same_v<S, T>;
  const int64_t classes = logits.sizes[1], block_length = block_pixels(classes, sizeof(T));
  const ClassFactors<T> factors(weight, classes, params.label_smoothing);
  const PixelBlocks<5> blocks({without_dim(grad_logits, 1), without_dim(logits, 1), grad_loss, log_normalizer, target},
                              block_length);
  const Order order = tile_order<T>(kDirect, blocks.step(0) == 1 && blocks.step(1) == 1,
                                    grad_logits.strides[1] == 1 && logits.strides[1] == 1, classes);

  parallel_for(blocks.count(), 4, [&](int64_t begin, int64_t end) HWY_ATTR {
    const int64_t stage_size = order == Order::kStaged ? classes * block_length : 0;
    const Scratch<T> buffer(2 * stage_size);
    PixelTerms<T> terms;
    for (int64_t b = begin; b < end; ++b) {
      const auto block = blocks[b];
      const int64_t pixels = block.length;
      const Tile<S> to{grad_logits.as<S>() + block.offset[0], grad_logits.strides[1], blocks.step(0)};
      const Tile<const S> from{logits.as<S>() + block.offset[1], logits.strides[1], blocks.step(1)};
      Tile<const T> x;
      Tile<T> grad;
      if constexpr (kDirect) x = from, grad = to;
      if (order == Order::kStaged) {
        const Tile<T> planes = stage_in(from, classes, pixels, buffer.data());
        x = {planes.data, planes.class_stride, planes.pixel_stride};
        grad = {buffer.data() + stage_size, pixels, 1};
      }

      const Run<const T> grads{grad_loss.as<T>() + block.offset[2], blocks.step(2)};
      const Run<const T> normalizers{log_normalizer.as<T>() + block.offset[3], blocks.step(3)};
      const Run<const int64_t> targets{target.as<int64_t>() + block.offset[4], blocks.step(4)};
      TargetTally tally;
      for (int64_t p = 0; p < pixels; ++p) {
        const bool counts = tally.counts(targets[p], classes, params.ignore_index);
        const T g = counts ? grads[p] : T{0}, wt = counts ? factors.of(targets[p]) : T{0};
        terms.normalizer[p] = normalizers[p];
        terms.scale[p] = g * (factors.hard * wt + factors.soft_sum);
        terms.soft[p] = g * factors.soft;
      }
      if (order == Order::kRows)
        row_gradient(grad, x, classes, pixels, terms, factors);
      else
        plane_gradient(grad, x, classes, pixels, terms, factors);
      for (int64_t p = 0; p < pixels; ++p) {
        const int64_t t = targets[p];
        T* pixel = grad.data + p * grad.pixel_stride;
        if (tally.counts(t, classes, params.ignore_index)) {
          pixel[t * grad.class_stride] -= grads[p] * factors.hard * factors.of(t);
        } else {  // assigned, not multiplied by zero: the logits may be NaN here
          for (int64_t c = 0; c < classes; ++c) pixel[c * grad.class_stride] = T{0};
        }
      }
      if (order == Order::kStaged) stage_out(static_cast<const T*>(grad.data), to, classes, pixels);
    }
  });
}

void CrossEntropyForwardImpl(const View& loss, const View& log_normalizer, const View& total_weight, const View& first_invalid,
                             const View& logits, const View& target, const View& weight, const CrossEntropyParams& params) {
  dispatch_floating(logits.dtype, [&]<class S>() {
    forward<S>(loss, log_normalizer, total_weight, first_invalid, logits, target, weight, params);
  });
}

void CrossEntropyBackwardImpl(const View& grad_logits, const View& grad_loss, const View& logits, const View& log_normalizer,
                              const View& target, const View& weight, const CrossEntropyParams& params) {
  dispatch_floating(logits.dtype,
                    [&]<class S>() { backward<S>(grad_logits, grad_loss, logits, log_normalizer, target, weight, params); });
}

}  // namespace tessera::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera::kernels {

HWY_EXPORT(CrossEntropyForwardImpl);
HWY_EXPORT(CrossEntropyBackwardImpl);

namespace cpu {

void cross_entropy_forward(const View& loss, const View& log_normalizer, const View& total_weight, const View& first_invalid,
                           const View& logits, const View& target, const View& weight, const CrossEntropyParams& params) {
  HWY_DYNAMIC_DISPATCH(CrossEntropyForwardImpl)
  (loss, log_normalizer, total_weight, first_invalid, logits, target, weight, params);
}

void cross_entropy_backward(const View& grad_logits, const View& grad_loss, const View& logits, const View& log_normalizer,
                            const View& target, const View& weight, const CrossEntropyParams& params) {
  HWY_DYNAMIC_DISPATCH(CrossEntropyBackwardImpl)(grad_logits, grad_loss, logits, log_normalizer, target, weight, params);
}

}  // namespace cpu
}  // namespace tessera::kernels
#endif
