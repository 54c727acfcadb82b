// The numbers of a tensor, and their comparison.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "core/ops/copy.h"
#include "core/ops/shape.h"

namespace tessera::testing_support {

// The elements in logical order.
inline std::vector<double> numbers(const Tensor& tensor) {
  const Tensor flat = tensor.detach().to(kFloat64).contiguous();
  return {flat.data_ptr<double>(), flat.data_ptr<double>() + flat.numel()};
}

// The largest |a - b|; infinite where the shapes differ or a difference is NaN.
inline double difference(const Tensor& a, const Tensor& b) {
  if (!(a.sizes() == b.sizes())) return INFINITY;
  const std::vector<double> x = numbers(a), y = numbers(b);
  double worst = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double error = std::abs(x[i] - y[i]);
    if (!(error <= worst)) worst = std::isnan(error) ? INFINITY : error;
  }
  return worst;
}

inline void expect_near(const Tensor& actual, const std::vector<double>& expected, double tolerance) {
  const std::vector<double> a = numbers(actual);
  ASSERT_EQ(a.size(), expected.size());
  for (size_t i = 0; i < a.size(); ++i) EXPECT_LE(std::abs(a[i] - expected[i]), tolerance) << "element " << i << ": " << a[i];
}

}  // namespace tessera::testing_support
