// Random kernels, an element at a time: element i takes number i % kPerBlock of block i / kPerBlock.
#include "kernels/elementwise/functors.h"
#include "kernels/random/distributions.h"
#include "kernels/random/philox.h"
#include "kernels/random/random.h"

namespace tessera::kernels::reference {
namespace {

template <class Distribution> void draw(const View& out, uint64_t seed, uint64_t offset, const Distribution& distribution) {
  constexpr int64_t per_block = Distribution::kPerBlock;
  for (int64_t i = 0; i < out.numel(); ++i) {
    const PhiloxBlock words = philox_block(seed, offset, static_cast<uint64_t>(i / per_block));
    typename Distribution::Value numbers[per_block];
    distribution(words.data(), numbers);

    int64_t place = 0, rest = i;
    for (int d = out.ndim - 1; d >= 0; --d) {
      place += rest % out.sizes[d] * out.strides[d];
      rest /= out.sizes[d];
    }
    dispatch_all(out.dtype, [&]<class S>() { out.as<S>()[place] = convert<S>(numbers[i % per_block]); });
  }
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

}  // namespace tessera::kernels::reference
