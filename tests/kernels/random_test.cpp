// Philox against its published vectors; the distributions against their moments; fast against reference for every layout.
#include "kernels/random/random.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <functional>
#include <vector>

#include "kernels/random/philox.h"

namespace tessera::kernels {
namespace {

View dense(void* data, ScalarType dtype, int64_t n) { return View{data, dtype, 1, {n}, {1}}; }

// The known answers that the authors publish with Random123 (kat_vectors, philox4x32 10).
TEST(Philox, KnownAnswers) {
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}), (PhiloxBlock{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  const uint32_t ones = 0xffffffff;
  EXPECT_EQ(philox4x32({ones, ones, ones, ones}, {ones, ones}), (PhiloxBlock{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (PhiloxBlock{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Random, UniformIsInRangeWithTheRightMoments) {
  const int64_t n = 200000;
  std::vector<float> x(n);
  cpu::random_uniform(dense(x.data(), kFloat32, n), 42, 0, -1, 3);
  double sum = 0, squares = 0;
  for (float value : x) {
    ASSERT_TRUE(value >= -1 && value < 3);
    sum += value;
    squares += (value - 1.0) * (value - 1.0);
  }
  EXPECT_NEAR(sum / n, 1, 5 * std::sqrt(16.0 / 12 / n));
  EXPECT_NEAR(squares / n, 16.0 / 12, 0.02);
}

template <class T> void check_normal(ScalarType dtype) {
  const int64_t n = 200000;
  std::vector<T> x(n);
  cpu::random_normal(dense(x.data(), dtype, n), 7, 3, 2, 0.5);
  double mean = 0, variance = 0, third = 0, fourth = 0, neighbours = 0;
  for (T value : x) {
    ASSERT_TRUE(std::isfinite(value));
    const double z = (value - 2) / 0.5;
    mean += z / n, variance += z * z / n, third += z * z * z / n, fourth += z * z * z * z / n;
  }
  for (int64_t i = 0; i + 1 < n; ++i) neighbours += (x[i] - 2) / 0.5 * (x[i + 1] - 2) / 0.5 / n;
  EXPECT_NEAR(mean, 0, 5 / std::sqrt(n));
  EXPECT_NEAR(variance, 1, 5 * std::sqrt(2.0 / n));
  EXPECT_NEAR(third, 0, 5 * std::sqrt(15.0 / n));
  EXPECT_NEAR(fourth, 3, 5 * std::sqrt(96.0 / n));
  EXPECT_NEAR(neighbours, 0, 5 / std::sqrt(n));
}

TEST(Random, NormalHasTheRightMoments) {
  check_normal<float>(kFloat32);
  check_normal<double>(kFloat64);
}

TEST(Random, IntegersAreUniform) {
  const int64_t n = 70000;
  std::vector<int64_t> x(n), count(7);
  cpu::random_integers(dense(x.data(), kInt64, n), 1, 2, -3, 4);
  for (int64_t value : x) {
    ASSERT_TRUE(value >= -3 && value < 4);
    ++count[value + 3];
  }
  for (int64_t c : count) EXPECT_NEAR(c, 10000, 500);
}

TEST(Random, BernoulliHasItsRate) {
  const int64_t n = 100000;
  std::vector<uint8_t> x(n);
  for (double p : {0.0, 0.25, 1.0}) {
    cpu::random_bernoulli(dense(x.data(), kUInt8, n), 5, 0, p);
    int64_t ones = 0;
    for (uint8_t value : x) ones += value;
    EXPECT_NEAR(ones, p * n, 5 * std::sqrt(p * (1 - p) * n));
  }
}

TEST(Random, SeedAndOffsetNameTheStream) {
  std::vector<float> a(100), b(100);
  const auto draw = [](std::vector<float>& x, uint64_t seed, uint64_t offset) {
    cpu::random_uniform(dense(x.data(), kFloat32, 100), seed, offset, 0, 1);
  };
  draw(a, 1, 0), draw(b, 1, 0);
  EXPECT_EQ(a, b);
  draw(b, 1, 1);
  EXPECT_NE(a, b);
  draw(b, 2, 0);
  EXPECT_NE(a, b);
}

using Draw = std::function<void(const View&, bool fast)>;

// The same values element by element: fast and reference, one layout and another, many sizes.
TEST(Random, ValuesDependOnTheLogicalIndexAlone) {
  const std::vector<Draw> draws = {
      [](const View& out, bool fast) { (fast ? cpu::random_uniform : reference::random_uniform)(out, 9, 4, -2, 5); },
      [](const View& out, bool fast) { (fast ? cpu::random_normal : reference::random_normal)(out, 9, 4, 1, 2); },
      [](const View& out, bool fast) { (fast ? cpu::random_integers : reference::random_integers)(out, 9, 4, -5, 50); },
      [](const View& out, bool fast) { (fast ? cpu::random_bernoulli : reference::random_bernoulli)(out, 9, 4, 0.5); }};
  for (const Draw& draw : draws) {
    for (int64_t n = 0; n < 70; ++n) {
      std::vector<double> fast(n + 1, -99), expected(n + 1, -99);
      draw(dense(fast.data(), kFloat64, n), true);
      draw(dense(expected.data(), kFloat64, n), false);
      ASSERT_EQ(fast, expected);
    }
    const int64_t sizes[] = {3, 20, 30, 17}, count = 3 * 20 * 30 * 17;
    std::vector<float> rows(count), expected(count), channels_last(count);
    const View row_major{rows.data(), kFloat32, 4, {3, 20, 30, 17}, {20 * 30 * 17, 30 * 17, 17, 1}};
    View same = row_major, last{channels_last.data(), kFloat32, 4, {3, 20, 30, 17}, {20 * 30 * 17, 1, 17 * 20, 20}};
    same.data = expected.data();
    draw(row_major, true);
    draw(same, false);
    draw(last, true);
    ASSERT_EQ(rows, expected);
    for (int64_t i = 0; i < count; ++i) {
      int64_t rest = i, place = 0;
      for (int d = 3; d >= 0; --d) place += rest % sizes[d] * last.strides[d], rest /= sizes[d];
      ASSERT_EQ(channels_last[place], rows[i]);
    }
  }
}

}  // namespace
}  // namespace tessera::kernels
