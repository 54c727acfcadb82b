// Tensors of repeatable numbers for the tests of ops.
#pragma once

#include <cmath>

#include "core/ops/copy.h"
#include "core/ops/creation.h"
#include "core/ops/shape.h"

namespace tessera::testing {

// Leaves of float64 in [-1, 1), all different: a hash of the index and the seed. They require a gradient.
inline Tensor leaf(IntArrayRef sizes, uint32_t seed, MemoryFormat format = kContiguous) {
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

// The elements in logical order.
inline std::vector<double> values(const Tensor& t) {
  const Tensor flat = to(t.detach().contiguous(), kFloat64);
  return {flat.data_ptr<double>(), flat.data_ptr<double>() + flat.numel()};
}

// The largest difference; infinite where the shapes differ or a value is NaN.
inline double difference(const Tensor& a, const Tensor& b) {
  if (!(a.sizes() == b.sizes())) return INFINITY;
  const std::vector<double> x = values(a), y = values(b);
  double worst = 0;
  for (size_t i = 0; i < x.size(); ++i) worst = std::abs(x[i] - y[i]) <= worst ? worst : std::abs(x[i] - y[i]);
  return std::isnan(worst) ? INFINITY : worst;
}

// The message of the exception of type E that f() throws, or "" if it throws none.
template <class E, class F> std::string message_of(F&& f) {
  try {
    f();
  } catch (const E& error) {
    return error.what();
  }
  return "";
}

}  // namespace tessera::testing
