// Negative log-likelihood on the CPU: a loss for each pixel is one load from the plane of its class.
//
// Parallel mapping: a thread takes a contiguous range of pixel blocks (pixel_blocks.h); a block's pixels are visited in memory
// order. Partial weights are kept a block each and added in block order, so the result does not depend on the thread count.
// Memory traffic: forward reads 8 bytes of target and one element of the input a pixel, writes the loss; backward writes
// grad_input once, a block at a time while it lies in the level-1 cache, so that the hit is written without a second miss.
#include <algorithm>

#include "kernels/nll_loss/nll_loss.h"
#include "kernels/nll_loss/targets.h"
#include "kernels/parallel.h"
#include "kernels/scratch.h"
#include "kernels/softmax/pixel_blocks.h"

namespace tessera::kernels::cpu {
namespace {

// Writes zeros for `classes` x `pixels` elements.
template <class S> void clear_block(S* out, int64_t class_stride, int64_t pixel_stride, int64_t classes, int64_t pixels) {
  if (class_stride == 1 && pixel_stride == classes) {
    std::fill_n(out, classes * pixels, S{});
  } else if (pixel_stride == 1) {
    for (int64_t c = 0; c < classes; ++c) std::fill_n(out + c * class_stride, pixels, S{});
  } else {
    for (int64_t p = 0; p < pixels; ++p)
      for (int64_t c = 0; c < classes; ++c) out[c * class_stride + p * pixel_stride] = S{};
  }
}

}  // namespace

void nll_loss_forward(const View& loss, const View& total_weight, const View& first_invalid, const View& input,
                      const View& target, const View& weight, const NllLossParams& params) {
  dispatch_floating(input.dtype, [&]<class S>() {
    using T = compute_t<S>;
    const int64_t classes = input.sizes[1], class_stride = input.strides[1];
    const T* class_weight = weight.as<T>();
    const PixelBlocks<3> blocks({without_dim(input, 1), loss, target}, kMaxBlockPixels);
    const Scratch<TargetTally> tallies(blocks.count());
    parallel_for(blocks.count(), 16, [&](int64_t begin, int64_t end) {
      for (int64_t b = begin; b < end; ++b) {
        const auto block = blocks[b];
        const S* x = input.as<S>() + block.offset[0];
        T* y = loss.as<T>() + block.offset[1];
        const int64_t* targets = target.as<int64_t>() + block.offset[2];
        TargetTally tally;
        for (int64_t p = 0; p < block.length; ++p) {
          const int64_t t = targets[p * blocks.step(2)];
          T value = 0;
          if (tally.counts(t, classes, params.ignore_index)) {
            const T wt = class_weight ? class_weight[t] : T{1};
            value = -wt * static_cast<T>(x[t * class_stride + p * blocks.step(0)]);
            tally.weight += wt;
          }
          y[p * blocks.step(1)] = value;
        }
        tallies[b] = tally;
      }
    });
    const TargetTally total = sum_tallies(tallies.data(), blocks.count());
    *total_weight.as<T>() = static_cast<T>(total.weight);
    *first_invalid.as<int64_t>() = total.invalid ? find_invalid_target(target, classes, params.ignore_index) : -1;
  });
}

void nll_loss_backward(const View& grad_input, const View& grad_loss, const View& target, const View& weight,
                       const NllLossParams& params) {
  dispatch_floating(grad_input.dtype, [&]<class S>() {
    using T = compute_t<S>;
    const int64_t classes = grad_input.sizes[1], class_stride = grad_input.strides[1];
    const T* class_weight = weight.as<T>();
    const PixelBlocks<3> blocks({without_dim(grad_input, 1), grad_loss, target}, block_pixels(classes, sizeof(S)));
    parallel_for(blocks.count(), 4, [&](int64_t begin, int64_t end) {
      for (int64_t b = begin; b < end; ++b) {
        const auto block = blocks[b];
        S* grad = grad_input.as<S>() + block.offset[0];
        const T* g = grad_loss.as<T>() + block.offset[1];
        const int64_t* targets = target.as<int64_t>() + block.offset[2];
        clear_block(grad, class_stride, blocks.step(0), classes, block.length);
        TargetTally tally;
        for (int64_t p = 0; p < block.length; ++p) {
          const int64_t t = targets[p * blocks.step(2)];
          if (!tally.counts(t, classes, params.ignore_index)) continue;
          const T wt = class_weight ? class_weight[t] : T{1};
          grad[t * class_stride + p * blocks.step(0)] = -wt * g[p * blocks.step(1)];
        }
      }
    });
  });
}

}  // namespace tessera::kernels::cpu
