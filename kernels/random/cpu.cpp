// Fast random kernels: threads share out the Philox blocks, a SIMD lane makes one block, and the numbers go from a buffer of
// 256 blocks on the stack to their places. Memory traffic: the output, written once.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/random/cpu.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>

#include "kernels/elementwise/functors.h"
#include "kernels/parallel.h"
#include "kernels/random/distributions.h"
#include "kernels/random/philox.h"
#include "kernels/random/random.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels::HWY_NAMESPACE {

// Blocks [first, first + count), 4 words each. The compiler vectorises over the blocks.
void philox_blocks(uint64_t seed, uint64_t offset, uint64_t first, int64_t count, uint32_t* words) {
  for (int64_t b = 0; b < count; ++b) {
    const PhiloxBlock block = philox_block(seed, offset, first + static_cast<uint64_t>(b));
    for (int k = 0; k < 4; ++k) words[4 * b + k] = block[k];
  }
}

}  // namespace tessera::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera::kernels::cpu {
namespace {

HWY_EXPORT(philox_blocks);

constexpr int64_t kBlocks = 256;  // made at a time

// Writes numbers to the elements [begin, begin + count) in logical order, run by run of the last dimension.
template <class S, class T> void store(const View& out, int64_t begin, int64_t count, const T* numbers) {
  const int last = out.ndim - 1;
  const int64_t size = out.ndim == 0 ? 1 : out.sizes[last], stride = out.ndim == 0 ? 1 : out.strides[last];
  for (int64_t done = 0, run; done < count; done += run) {
    const int64_t column = (begin + done) % size;
    int64_t rest = (begin + done) / size, place = column * stride;
    for (int d = last - 1; d >= 0; --d) {
      place += rest % out.sizes[d] * out.strides[d];
      rest /= out.sizes[d];
    }
    run = std::min(count - done, size - column);
    S* to = out.as<S>() + place;
    for (int64_t i = 0; i < run; ++i) to[i * stride] = convert<S>(numbers[done + i]);
  }
}

template <class Distribution> void draw(const View& out, uint64_t seed, uint64_t offset, const Distribution& distribution) {
  constexpr int64_t per_block = Distribution::kPerBlock;
  const int64_t count = out.numel(), blocks = (count + per_block - 1) / per_block;
  parallel_for(blocks, kBlocks * 8, [&](int64_t begin, int64_t end) {
    alignas(64) uint32_t words[4 * kBlocks];
    alignas(64) typename Distribution::Value numbers[kBlocks * per_block];
    for (int64_t first = begin; first < end; first += kBlocks) {
      const int64_t n = std::min(kBlocks, end - first), element = first * per_block;
      HWY_DYNAMIC_DISPATCH(philox_blocks)(seed, offset, static_cast<uint64_t>(first), n, words);
      for (int64_t b = 0; b < n; ++b) distribution(words + 4 * b, numbers + b * per_block);
      dispatch_all(out.dtype, [&]<class S>() { store<S>(out, element, std::min(n * per_block, count - element), numbers); });
    }
  });
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

}  // namespace tessera::kernels::cpu
#endif
