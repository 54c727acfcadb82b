// Counting: the reference against literal values, the fast kernels against the reference.
#include "kernels/count/count.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/support/agreement.h"
#include "tests/support/threads.h"

namespace tessera::kernels {
namespace {

using namespace testing_support;

using Numbers = std::vector<double>;

// Labels in [-1, classes]: below, inside and above the valid range, in runs as in a label image.
void fill_labels(StridedBuffer& block, int64_t classes, uint32_t seed) {
  std::mt19937 engine(seed);
  int64_t label = 0;
  block.fill([&](int64_t) {
    if (engine() % 8 == 0) label = static_cast<int64_t>(engine() % static_cast<uint32_t>(classes + 2)) - 1;
    return label;
  });
}

TEST(Count, KnownValues) {
  StridedBuffer target(kInt64, {6}), prediction(kInt64, {6}), matrix(kInt64, {2, 2}), bins(kInt64, {4}), sums(kFloat64, {4});
  const int64_t truth[] = {0, 1, 1, 0, 255, -1}, guess[] = {0, 1, 0, 2, 0, 1};
  target.fill([&](int64_t i) { return truth[i]; });
  prediction.fill([&](int64_t i) { return guess[i]; });
  for (ConfusionMatrix* confusion_matrix : {&reference::confusion_matrix, &cpu::confusion_matrix}) {
    confusion_matrix(matrix.view, target.view, prediction.view);
    EXPECT_EQ(matrix.values(), (Numbers{1, 0, 1, 1}));
  }
  StridedBuffer weights(kFloat32, {6});
  weights.fill([](int64_t i) { return 0.5 * static_cast<double>(i); });
  for (Bincount* bincount : {&reference::bincount, &cpu::bincount}) {
    bincount(bins.view, prediction.view, View{});
    EXPECT_EQ(bins.values(), (Numbers{3, 2, 1, 0}));
    bincount(sums.view, prediction.view, weights.view);
    EXPECT_EQ(sums.values(), (Numbers{3, 3, 1.5, 0}));
  }
  StridedBuffer hot(kFloat32, {6, 3});
  for (OneHot* one_hot : {&reference::one_hot, &cpu::one_hot}) {
    one_hot(hot.view, prediction.view);
    EXPECT_EQ(hot.values(), (Numbers{1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 1, 1, 0, 0, 0, 1, 0}));
  }
}

TEST(Count, FastMatchesReference) {
  for (const auto& sizes : std::vector<std::vector<int64_t>>{{1, 1, 1}, {0, 4, 4}, {3, 5, 7}, {4, 120, 301}}) {
    for (const auto& layout : std::vector<std::vector<int>>{{0, 1, 2}, {2, 0, 1}}) {
      for (int64_t classes : {1, 2, 11, 300}) {
        StridedBuffer target(kInt64, sizes), prediction(kInt64, sizes, layout, 2);
        fill_labels(target, classes, 1);
        fill_labels(prediction, classes, 2);
        StridedBuffer fast(kInt64, {classes, classes}), slow(kInt64, {classes, classes});
        cpu::confusion_matrix(fast.view, target.view, prediction.view);
        reference::confusion_matrix(slow.view, target.view, prediction.view);
        expect_close(fast, slow, exactly, "confusion_matrix");
        prediction.fill([&](int64_t i) { return i % classes; });
        StridedBuffer fast_bins(kInt64, {classes + 1}), slow_bins(kInt64, {classes + 1});
        cpu::bincount(fast_bins.view, prediction.view, View{});
        reference::bincount(slow_bins.view, prediction.view, View{});
        expect_close(fast_bins, slow_bins, exactly, "bincount");
        StridedBuffer weights(kFloat64, sizes), fast_sums(kFloat64, {classes}), slow_sums(kFloat64, {classes});
        weights.fill([](int64_t i) { return 1.0 / static_cast<double>(1 + i % 100); });
        cpu::bincount(fast_sums.view, prediction.view, weights.view);
        reference::bincount(slow_sums.view, prediction.view, weights.view);
        expect_close(fast_sums, slow_sums, scaled(1e-12), "weighted bincount");
      }
    }
  }
  StridedBuffer labels(kInt64, {3, 4}, {1, 0}), fast(kBFloat16, {3, 4, 5}, {2, 0, 1}), slow(kBFloat16, {3, 4, 5});
  labels.fill([](int64_t i) { return i % 5; });
  cpu::one_hot(fast.view, labels.view);
  reference::one_hot(slow.view, labels.view);
  expect_close(fast, slow, exactly, "one_hot");
}

TEST(Count, BitsDoNotDependOnThreads) {
  // float64 weights: sums of so few float32 would be exact in any order.
  StridedBuffer labels(kInt64, {100'000}), weights(kFloat64, {100'000}), one(kFloat64, {7}), many(kFloat64, {7});
  labels.fill([](int64_t i) { return i % 7; });
  weights.fill([](int64_t i) { return 1.0 / static_cast<double>(i + 1); });
  with_threads(1, [&] { cpu::bincount(one.view, labels.view, weights.view); });
  with_threads(5, [&] { cpu::bincount(many.view, labels.view, weights.view); });
  EXPECT_EQ(one.memory(), many.memory());
}

}  // namespace
}  // namespace tessera::kernels
