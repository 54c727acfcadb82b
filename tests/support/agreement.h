// How far a fast kernel may be from the reference, and whether it is nearer than that.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "tests/support/strided_buffer.h"

namespace tessera::testing_support {

// The distance of 1 from the next larger number; 0 for the integer types.
inline double epsilon(ScalarType type) {
  switch (type) {
    case kFloat64: return 0x1p-52;
    case kFloat32: return 0x1p-23;
    case kFloat16: return 0x1p-10;
    case kBFloat16: return 0x1p-7;
    default: return 0;
  }
}
// The largest relative error of one rounding to T.
template <class T> double unit_roundoff() {
  return epsilon(scalar_type_v<T>) / 2;
}
// The type of the arithmetic on elements of `type`.
inline ScalarType arithmetic_type(ScalarType type) {
  return type == kFloat64 ? kFloat64 : kFloat32;
}

// Tolerances: the error allowed at an expected value.
inline double exactly(double) {
  return 0;
}
inline auto within(double absolute, double relative) {
  return [=](double expected) { return absolute + relative * std::abs(expected); };
}
// An absolute error below 1, a relative one above.
inline auto scaled(double tolerance) {
  return [=](double expected) { return tolerance * std::max(1.0, std::abs(expected)); };
}
// `count` epsilons of max(|expected|, scale, the smallest normal number).
inline auto epsilons(double count, ScalarType type, double scale) {
  const double least = std::max(scale, type == kFloat64 ? 0x1p-1022 : 0x1p-126);
  return [=](double expected) { return count * epsilon(type) * std::max(std::abs(expected), least); };
}

// Every |actual - expected| <= tolerance(expected), where NaN agrees with NaN only and an infinity with itself; and `actual`
// was not written outside its elements.
template <class Tolerance>
void expect_close(const StridedBuffer& actual, const StridedBuffer& expected, Tolerance&& tolerance, const std::string& what) {
  const std::vector<double> a = actual.values(), e = expected.values();
  ASSERT_EQ(a.size(), e.size()) << what;
  for (size_t i = 0; i < e.size(); ++i) {
    const bool close =
        std::isfinite(e[i]) ? std::abs(a[i] - e[i]) <= tolerance(e[i]) : (std::isnan(e[i]) ? std::isnan(a[i]) : a[i] == e[i]);
    ASSERT_TRUE(close) << what << ", element " << i << ": " << a[i] << " instead of " << e[i];
  }
  ASSERT_TRUE(actual.nothing_else_written()) << what;
}

// The largest |a - b| over two lists; two NaNs and two equal infinities agree, anything else that is not finite is infinitely
// far.
template <class A, class B> double max_difference(const std::vector<A>& a, const std::vector<B>& b) {
  if (a.size() != b.size()) return INFINITY;
  double worst = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double x = static_cast<double>(a[i]), y = static_cast<double>(b[i]);
    if ((std::isnan(x) && std::isnan(y)) || x == y) continue;
    const double difference = std::abs(x - y);
    worst = difference <= worst ? worst : std::isfinite(difference) ? difference : INFINITY;
  }
  return worst;
}

}  // namespace tessera::testing_support
