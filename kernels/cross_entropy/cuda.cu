// Cross-entropy on CUDA, forward and gradient, as formulas over the classes of a pixel. How the logits are read and the gradient is
// written, and the memory traffic: kernels/softmax/cuda_lines.h. Beside the logits a pixel costs its target and two numbers of the
// arithmetic's type.
#include "kernels/cross_entropy/cross_entropy.h"
#include "kernels/nll_loss/cuda_tally.h"
#include "kernels/softmax/cuda_line_kernels.h"
#include "kernels/softmax/pixel_blocks.h"

namespace tessera::kernels::cuda {
namespace {

// Offsets of a pixel: one multiplication where one stride leads from each to the next.
template <int K> __device__ inline std::array<int64_t, K> pixel_offsets(const OffsetCalculator<K>& places, int64_t pixel) {
  if (places.ndim > 1) return places(pixel);
  std::array<int64_t, K> offsets;
#pragma unroll
  for (int k = 0; k < K; ++k) offsets[k] = pixel * places.strides[k][0];
  return offsets;
}
template <class T> __device__ inline int64_t target_of(const Targets<T>& targets, int64_t pixel) {
  return targets.data[pixel_offsets(targets.offsets, pixel)[0]];
}

template <class T> struct LossFormula : LineOp</*writes=*/false, /*pad_lowest=*/true, 3> {
  using State = Tally;
  using Extra = int64_t;  // the target
  Targets<T> targets;
  T hard, soft;  // 1 - s and s / C
  T *loss, *log_normalizer;
  OffsetCalculator<2> places;
  Tally* tallies;

  __device__ int64_t load(int64_t pixel) const { return target_of(targets, pixel); }
  template <class Line> __device__ void operator()(Line& line, int64_t t, int64_t pixel, Tally& state) const {
    T most = -std::numeric_limits<T>::infinity(), sum = 0;
    line.each([&](T x) { most = max(most, x); });
    most = line.reduce(most, Maximum());
    const bool counts = targets.counts(t);
    const T target_score = counts ? line.pick(static_cast<int>(t)) - most : T(0);
    T weights = 0, scores = 0;  // sum_c w_c and sum_c w_c (x_c - most)
    if (soft != 0) {
      line.each_class([&](int c, T x) {
        weights += targets.weight_of(c);
        scores += targets.weight_of(c) * (x - most);
      });
      weights = line.reduce(weights, Plus());
      scores = line.reduce(scores, Plus());
    }
    auto&& exponentials = line.mapped([most](T x) { return exp_of_difference(x - most); });
    exponentials.each([&](T e) { sum += e; });
    const T log_sum = log(line.reduce(sum, Plus()));
    T value = 0;
    if (counts) {
      value = hard * targets.weight_of(t) * (log_sum - target_score);
      if (soft != 0) value += soft * (weights * log_sum - scores);
    }
    if (!line.is_first()) return;
    const auto at = pixel_offsets(places, pixel);
    loss[at[0]] = value;
    log_normalizer[at[1]] = most + log_sum;
    targets.tally(state, t, pixel);
  }
  __device__ static Tally begin() { return {0, kNoPixel}; }
  __device__ void finish(const Tally& state) const {
    const Tally all = block_tally(state);
    if (threadIdx.x == 0) tallies[blockIdx.x] = all;
  }
};

template <class T> struct LossGradientFormula : LineOp</*writes=*/true, /*pad_lowest=*/false, 2> {
  using State = T;  // the sum of the class weights, where labels are smoothed
  struct Extra {
    int64_t target;
    T grad_loss, log_normalizer;
  };
  Targets<T> targets;
  T hard, soft;
  const T *grad_loss, *log_normalizer;
  OffsetCalculator<2> places;

  __device__ Extra load(int64_t pixel) const {
    const auto at = pixel_offsets(places, pixel);
    return {target_of(targets, pixel), grad_loss[at[0]], log_normalizer[at[1]]};
  }
  template <class Line> __device__ void operator()(Line& line, const Extra& extra, int64_t, T& weight_sum) const {
    const int64_t t = extra.target;
    if (!targets.counts(t)) {
      line.write([](T) { return T(0); });
      return;
    }
    const T g = extra.grad_loss, normalizer = extra.log_normalizer, at_target = hard * targets.weight_of(t);
    if (soft == 0) {
      const T factor = g * at_target, x = line.pick(static_cast<int>(t));
      line.write([&](T logit) { return exp_of_difference(logit - normalizer) * factor; });
      line.set(static_cast<int>(t), (exp_of_difference(x - normalizer) - 1) * factor);
      return;
    }
    if (weight_sum == 0)
      for (int64_t c = 0; c < targets.classes; ++c) weight_sum += targets.weight_of(c);
    const T factor = at_target + soft * weight_sum;
    line.write_class([&](int c, T x) {
      const T value = exp_of_difference(x - normalizer) * factor - soft * targets.weight_of(c);
      return g * (c == static_cast<int>(t) ? value - at_target : value);
    });
  }
  __device__ static T begin() { return 0; }
  __device__ void finish(const T&) const {}
};

}  // namespace

void cross_entropy_forward(const View& loss, const View& log_normalizer, const View& total_weight, const View& first_invalid,
                           const View& logits, const View& target, const View& weight, const CrossEntropyParams& params) {
  const auto places = merged_axes<2>({&loss, &log_normalizer}, OtherDims(loss, -1, /*row_major=*/true)).offsets();
  const int64_t classes = logits.sizes[1], most_blocks = most_line_blocks();
  const DeviceScratch<Tally> tallies(most_blocks);
  dispatch_floating(logits.dtype, [&]<class S>() {
    using T = compute_t<S>;
    const Targets<T> targets(target, weight, classes, params.ignore_index);
    const T hard = static_cast<T>(1 - params.label_smoothing), soft = static_cast<T>(params.label_smoothing / classes);
    int64_t blocks = 0;
    if (target.numel() > 0)
      blocks = run_lines<S, 2>("cross_entropy", {&logits, &logits}, 1, /*row_major=*/true,
                               LossFormula<T>{{}, targets, hard, soft, loss.as<T>(), log_normalizer.as<T>(), places, tallies.data()});
    finish_tallies(total_weight, first_invalid, tallies.data(), blocks, targets, /*fused=*/true);
  });
}

void cross_entropy_backward(const View& grad_logits, const View& grad_loss, const View& logits, const View& log_normalizer,
                            const View& target, const View& weight, const CrossEntropyParams& params) {
  if (grad_logits.numel() == 0) return;
  const auto places = merged_axes<2>({&grad_loss, &log_normalizer}, OtherDims(grad_loss, -1, /*row_major=*/true)).offsets();
  const int64_t classes = logits.sizes[1];
  dispatch_floating(logits.dtype, [&]<class S>() {
    using T = compute_t<S>;
    const Targets<T> targets(target, weight, classes, params.ignore_index);
    const T hard = static_cast<T>(1 - params.label_smoothing), soft = static_cast<T>(params.label_smoothing / classes);
    run_lines<S, 2>("cross_entropy_backward", {&grad_logits, &logits}, 1, /*row_major=*/true,
                    LossGradientFormula<T>{{}, targets, hard, soft, grad_loss.as<T>(), log_normalizer.as<T>(), places});
  });
}

}  // namespace tessera::kernels::cuda
