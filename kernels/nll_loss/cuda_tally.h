// What a loss kernel learns of its targets on CUDA: the sum of the class weights of the pixels that count, and the first pixel whose
// target is neither a class nor ignored. Each block leaves its result; a second launch of one block combines them in order. For .cu files.
#pragma once

#include <limits>

#include "kernels/cuda/axes.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/memory.h"
#include "kernels/cuda/pack.h"
#include "kernels/cuda/reduce.h"
#include "kernels/cuda/target_check.h"

namespace tessera::kernels::cuda {

inline constexpr int64_t kNoPixel = std::numeric_limits<int64_t>::max();

struct Tally {
  double weight;
  int64_t invalid;  // number of a pixel, or kNoPixel
};

struct EarlierPixel {
  __device__ int64_t operator()(int64_t a, int64_t b) const { return a < b ? a : b; }
};

// The tally of a block, in all of its threads, which all call it.
__device__ inline Tally block_tally(const Tally& mine) {
  __shared__ double weights[kWarp];
  __shared__ int64_t pixels[kWarp];
  return {block_reduce(mine.weight, weights), block_reduce(mine.invalid, pixels, kNoPixel, EarlierPixel())};
}

// Class indices and weights of pixels, numbered row-major over [N, H, W]. T is the type of the weights.
template <class T> struct Targets {
  const int64_t* data;
  OffsetCalculator<1> offsets;
  const T* weight;  // [C], or nullptr for ones
  int64_t classes, ignore_index;

  Targets(const View& target, const View& class_weight, int64_t class_count, int64_t ignored)
      : data(target.as<int64_t>()),
        offsets(merged_row_major(target)),
        weight(class_weight.as<T>()),
        classes(class_count),
        ignore_index(ignored) {}
  __device__ int64_t operator[](int64_t pixel) const { return data[offsets(pixel)[0]]; }
  __device__ bool counts(int64_t t) const { return t != ignore_index && t >= 0 && t < classes; }
  __device__ T weight_of(int64_t t) const { return weight == nullptr ? T(1) : weight[t]; }

  __device__ void tally(Tally& state, int64_t t, int64_t pixel) const {
    if (counts(t))
      state.weight += weight_of(t);
    else if (t != ignore_index && pixel < state.invalid)
      state.invalid = pixel;
  }

  static OffsetCalculator<1> merged_row_major(const View& pixels) {
    return merged_axes<1>({&pixels}, OtherDims(pixels, -1, /*row_major=*/true)).offsets();
  }
};

// total_weight and first_invalid from the tallies of `count` blocks. An invalid target is also reported to the host (target_check.h).
template <class T> __global__ void __launch_bounds__(kThreads)
    finish_tallies_kernel(T* total_weight, int64_t* first_invalid, const Tally* tallies, int count, Targets<T> targets,
                          bool fused, InvalidTarget* report) {
  wait_for_kernel_before();
  Tally mine{0, kNoPixel};
#pragma unroll 4
  for (int i = threadIdx.x; i < count; i += kThreads) {
    mine.weight += tallies[i].weight;
    mine.invalid = EarlierPixel()(mine.invalid, tallies[i].invalid);
  }
  const Tally all = block_tally(mine);
  if (threadIdx.x != 0) return;
  *total_weight = static_cast<T>(all.weight);
  *first_invalid = all.invalid == kNoPixel ? -1 : all.invalid;
  if (all.invalid != kNoPixel)
    report_invalid_target(report, {0, fused, targets[all.invalid], all.invalid, targets.classes, targets.ignore_index});
}

template <class T> void finish_tallies(const View& total_weight, const View& first_invalid, const Tally* tallies, int64_t count,
                                       const Targets<T>& targets, bool fused) {
  launch("loss_finish", finish_tallies_kernel<T>, 1, kThreads, 0, total_weight.as<T>(), first_invalid.as<int64_t>(), tallies,
         static_cast<int>(count), targets, fused, invalid_target_report());
}

}  // namespace tessera::kernels::cuda
