// Random numbers on CUDA: a thread makes one Philox block and the 2 or 4 numbers that come of it, and stores them.
//
// The numbers are those of the CPU: uniform, integers and Bernoulli bit for bit, normal ones up to the last places of log, sin and
// cos. Memory traffic: the output, written once; an output without gaps by stores of a whole block.
#include "kernels/cuda/graph.h"
#include "kernels/cuda/index.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/pack.h"
#include "kernels/random/distributions.h"
#include "kernels/random/philox.h"
#include "kernels/random/random.h"

namespace tessera::kernels::cuda {
namespace {

template <class Distribution>
__global__ void __launch_bounds__(kThreads)
    draw_kernel(void* out, ScalarType dtype, bool packed, int64_t numel, OffsetCalculator<1> offsets, uint64_t seed, uint64_t offset,
                const uint64_t* shift, Distribution distribution) {
  wait_for_kernel_before();
  using Value = typename Distribution::Value;
  constexpr int kCount = Distribution::kPerBlock;
  if (shift != nullptr) offset += *shift;
  for (int64_t block = thread_position(); block * kCount < numel; block += thread_count()) {
    const PhiloxBlock words = philox_block(seed, offset, static_cast<uint64_t>(block));
    Pack<Value, kCount> numbers;
    distribution(words.data(), numbers.values);
    const int64_t first = block * kCount;
    if (packed && first + kCount <= numel) {
      store_pack_as(out, dtype, first, kCount, numbers);
    } else {
#pragma unroll
      for (int k = 0; k < kCount; ++k)
        if (first + k < numel) store_as(out, dtype, offsets(first + k)[0], numbers[k]);
    }
  }
}

template <class Distribution> void draw(const View& out, uint64_t seed, uint64_t offset, const Distribution& distribution) {
  const int64_t numel = out.numel();
  const bool packed = out.is_contiguous() && is_aligned(out.data, Distribution::kPerBlock * element_size(out.dtype));
  launch("random", draw_kernel<Distribution>, grid_for(div_up(numel, Distribution::kPerBlock)), kThreads, 0, out.data, out.dtype,
         packed, numel, row_major_offsets(out), seed, offset, captured_random_shift(),
         distribution);
}

}  // namespace

void random_uniform(const View& out, uint64_t seed, uint64_t offset, double low, double high) {
  dispatch_compute(out.dtype, [&]<class T>() {
    draw(out, seed, offset, UniformDistribution<T>{static_cast<T>(low), static_cast<T>(high)});
  });
}

void random_normal(const View& out, uint64_t seed, uint64_t offset, double mean, double std) {
  dispatch_compute(out.dtype, [&]<class T>() {
    draw(out, seed, offset, NormalDistribution<T>{static_cast<T>(mean), static_cast<T>(std)});
  });
}

void random_integers(const View& out, uint64_t seed, uint64_t offset, int64_t low, int64_t high) {
  draw(out, seed, offset, IntegerDistribution{low, high});
}

void random_bernoulli(const View& out, uint64_t seed, uint64_t offset, double p) {
  draw(out, seed, offset, BernoulliDistribution{p});
}

}  // namespace tessera::kernels::cuda
