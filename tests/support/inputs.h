// Leaves of repeatable float64 numbers that require a gradient: the inputs of ops under test.
#pragma once

#include "core/ops.h"

namespace tessera::testing_support {

// Uniform in [low, high), from a generator of its own.
inline Tensor uniform(IntArrayRef sizes, double low, double high, uint64_t seed) {
  Generator generator(seed);
  return rand(sizes, generator, kFloat64).mul(high - low).add(low).detach().requires_grad_();
}

// In [-1, 1) and all different: a hash of the logical index and the seed, the same in every memory format.
inline Tensor hashed(IntArrayRef sizes, uint32_t seed, MemoryFormat format = kContiguous) {
  std::vector<double> values;
  int64_t count = 1;
  for (const int64_t size : sizes) count *= size;
  for (int64_t i = 1; i <= count; ++i) {
    uint32_t x = static_cast<uint32_t>(i) * 2654435761u + seed * 40503u;
    x = (x ^ (x >> 15)) * 2246822519u;
    values.push_back(static_cast<double>(x ^ (x >> 13)) / 2147483648.0 - 1);
  }
  return contiguous(view(tensor(values, kFloat64), sizes), format).requires_grad_();
}

// In (-1, 1) and all different: samples of a sine.
inline Tensor sines(IntArrayRef sizes) {
  int64_t count = 1;
  for (const int64_t size : sizes) count *= size;
  return sin(add(mul(arange(count, kDouble), 1.7), 0.3)).reshape(sizes).requires_grad_();
}

}  // namespace tessera::testing_support
