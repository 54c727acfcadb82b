// Cross-entropy and negative log-likelihood: the fast kernels against the references, the references against known values,
// finite differences and each other.
#include "kernels/cross_entropy/cross_entropy.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "kernels/nll_loss/nll_loss.h"
#include "kernels/softmax/softmax.h"
#include "tests/support/agreement.h"
#include "tests/support/threads.h"

namespace tessera::kernels {
namespace {

using namespace testing_support;

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr MemoryOrder kOrders[] = {MemoryOrder::RowMajor, MemoryOrder::ChannelsLast, MemoryOrder::Reversed, MemoryOrder::Spread};

// Logits, targets and class weights of one problem, with room for all results.
struct Problem {
  std::vector<int64_t> sizes, pixels;
  StridedBuffer logits, grad_logits, target, weight, loss, normalizer, total_weight, first_invalid, grad_loss;
  CrossEntropyParams params;
  bool weighted = true;

  Problem(ScalarType type, std::vector<int64_t> s, MemoryOrder layout = MemoryOrder::RowMajor)
      : sizes(s),
        pixels({s[0], s[2], s[3]}),
        logits(type, s, layout),
        grad_logits(type, s, layout),
        target(kInt64, pixels),
        weight(arithmetic_type(type), {s[1]}),
        loss(arithmetic_type(type), pixels),
        normalizer(arithmetic_type(type), pixels),
        total_weight(arithmetic_type(type), {1}),
        first_invalid(kInt64, {1}),
        grad_loss(arithmetic_type(type), pixels) {
    logits.fill_random(1, -5, 5);
    std::mt19937 generator(2);  // weights in [0.5, 2) of 34 bits: their float64 sum is exact, in any order
    weight.fill([&](int64_t) { return 0.5 + 1.5 * generator() / 4294967296.0; });
    grad_loss.fill_random(3, -1, 1);
    for (int64_t i = 0; i < target.view.numel(); ++i)
      target.set(i, i % 7 == 3 ? 255 : static_cast<double>((i * 5 + i / 3) % s[1]));
    params.ignore_index = 255;
  }
  View weight_view() const { return weighted ? weight.view : View{}; }
  void cross_entropy(CrossEntropyForward* forward, CrossEntropyBackward* backward) {
    forward(loss.view, normalizer.view, total_weight.view, first_invalid.view, logits.view, target.view, weight_view(), params);
    backward(grad_logits.view, grad_loss.view, logits.view, normalizer.view, target.view, weight_view(), params);
  }
  void nll(NllLossForward* forward, NllLossBackward* backward) {
    const NllLossParams nll_params{params.ignore_index};
    forward(loss.view, total_weight.view, first_invalid.view, logits.view, target.view, weight_view(), nll_params);
    backward(grad_logits.view, grad_loss.view, target.view, weight_view(), nll_params);
  }
};

void expect_same(const Problem& actual, const Problem& expected, ScalarType type, const std::string& what) {
  const double rounding = epsilon(arithmetic_type(type)) * (64 + static_cast<double>(expected.sizes[1]));
  const double storage = type == kFloat32 || type == kFloat64 ? 0 : epsilon(type);
  expect_close(actual.loss, expected.loss, within(rounding, 0), what + " loss");
  expect_close(actual.total_weight, expected.total_weight, within(0, epsilon(arithmetic_type(type))), what + " total weight");
  expect_close(actual.grad_logits, expected.grad_logits, within(rounding, storage), what + " gradient");
  EXPECT_EQ(actual.first_invalid.get(0), expected.first_invalid.get(0)) << what;
}

void compare(ScalarType type, const std::vector<int64_t>& sizes, MemoryOrder layout, bool weighted, double smoothing) {
  const std::string what = std::string(to_string(type)) + " " + ::testing::PrintToString(sizes) + " layout " +
                           std::to_string(static_cast<int>(layout)) + " weighted " + std::to_string(weighted) + " smoothing " +
                           std::to_string(smoothing);
  Problem actual(type, sizes, layout), expected(type, sizes);
  for (Problem* problem : {&actual, &expected}) {
    problem->weighted = weighted;
    problem->params.label_smoothing = smoothing;
  }
  expected.cross_entropy(reference::cross_entropy_forward, reference::cross_entropy_backward);
  actual.cross_entropy(cpu::cross_entropy_forward, cpu::cross_entropy_backward);
  expect_same(actual, expected, type, "cross_entropy " + what);
  expected.nll(reference::nll_loss_forward, reference::nll_loss_backward);
  actual.nll(cpu::nll_loss_forward, cpu::nll_loss_backward);
  expect_same(actual, expected, type, "nll_loss " + what);
}

TEST(NllLossKernel, WorkedExampleOfTheNotes) {
  Problem p(kFloat64, {1, 2, 2, 3});
  p.logits.fill({-0.2070, -1.0661, -0.6972, -0.1605, -0.6022, -0.4681, -1.6767, -0.4221, -0.6891, -1.9085, -0.7933, -0.9839});
  p.target.fill({0, 1, 1, 0, 0, 0});
  p.weighted = false;
  p.nll(reference::nll_loss_forward, reference::nll_loss_backward);
  EXPECT_EQ(p.loss.values(), (std::vector<double>{0.2070, 0.4221, 0.6891, 0.1605, 0.6022, 0.4681}));
  EXPECT_EQ(p.total_weight.get(0), 6);
}

// The fused kernel is log_softmax, then nll_loss, when nothing is smoothed.
TEST(CrossEntropyReference, IsLogSoftmaxThenNllLoss) {
  Problem fused(kFloat64, {2, 4, 3, 5}), composed(kFloat64, {2, 4, 3, 5});
  fused.cross_entropy(reference::cross_entropy_forward, reference::cross_entropy_backward);
  StridedBuffer log_probabilities(kFloat64, fused.sizes);
  reference::log_softmax_forward(log_probabilities.view, composed.logits.view, 1);
  composed.logits.fill(log_probabilities.values());
  composed.nll(reference::nll_loss_forward, reference::nll_loss_backward);
  StridedBuffer gradient(kFloat64, fused.sizes);
  reference::log_softmax_backward(gradient.view, composed.grad_logits.view, log_probabilities.view, 1);
  expect_close(fused.loss, composed.loss, within(1e-14, 0), "loss");
  expect_close(fused.total_weight, composed.total_weight, exactly, "total weight");
  expect_close(fused.grad_logits, gradient, within(1e-14, 0), "gradient");
}

TEST(CrossEntropyReference, GradientIsThatOfTheDotProduct) {
  for (double smoothing : {0.0, 0.3})
    for (bool weighted : {false, true}) {
      Problem p(kFloat64, {2, 3, 2, 2});
      p.params.label_smoothing = smoothing;
      p.weighted = weighted;
      p.cross_entropy(reference::cross_entropy_forward, reference::cross_entropy_backward);
      const auto grad = p.grad_logits.values();
      const auto dot = [&] {
        p.cross_entropy(reference::cross_entropy_forward, reference::cross_entropy_backward);
        double sum = 0;
        for (int64_t i = 0; i < p.loss.view.numel(); ++i) sum += p.grad_loss.get(i) * p.loss.get(i);
        return sum;
      };
      for (int64_t i = 0; i < p.logits.view.numel(); ++i) {
        const double center = p.logits.get(i), step = 1e-5;
        p.logits.set(i, center + step);
        const double above = dot();
        p.logits.set(i, center - step);
        const double below = dot();
        p.logits.set(i, center);
        EXPECT_LE(std::abs((above - below) / (2 * step) - grad[static_cast<size_t>(i)]), 1e-8) << "element " << i;
      }
    }
}

TEST(CrossEntropyCpu, AgreesForAllTypesLayoutsAndOptions) {
  for (ScalarType type : {kFloat32, kFloat64, kBFloat16, kFloat16})
    for (MemoryOrder layout : kOrders)
      for (bool weighted : {false, true})
        for (double smoothing : {0.0, 0.1, 1.0}) compare(type, {2, 21, 5, 9}, layout, weighted, smoothing);
}

TEST(CrossEntropyCpu, AgreesForAllClassCountsAroundTheVectorWidth) {
  for (int64_t classes : {1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 31, 32, 33, 65, 1000})
    for (MemoryOrder layout : {MemoryOrder::RowMajor, MemoryOrder::ChannelsLast})
      for (double smoothing : {0.0, 0.1}) compare(kFloat32, {2, classes, 1, 19}, layout, true, smoothing);
}

TEST(CrossEntropyCpu, AgreesForAllPixelCountsAroundTheVectorWidth) {
  for (int64_t pixels : {0, 1, 2, 15, 16, 17, 33, 64, 511, 512, 513, 1100})
    for (MemoryOrder layout : {MemoryOrder::RowMajor, MemoryOrder::ChannelsLast})
      compare(kFloat32, {1, 3, 1, pixels}, layout, true, 0.1);
}

TEST(CrossEntropyCpu, HugeAndNonFiniteLogits) {
  const std::vector<std::vector<double>> pixels = {
      {1e4, -1e4, 9999, 0}, {3e38, -3e38, 0, 1}, {-kInf, 0, 1, -kInf}, {-kInf, -kInf, -kInf, -kInf},
      {kInf, 0, 1, 2},      {kNaN, 0, 1, 2},     {0, 1, 2, 3}};
  for (double smoothing : {0.0, 0.2})
    for (MemoryOrder layout : {MemoryOrder::RowMajor, MemoryOrder::ChannelsLast})
      for (double target : {0, 1, 255}) {
        Problem actual(kFloat64, {1, 4, 1, 7}, layout), expected(kFloat64, {1, 4, 1, 7});
        for (Problem* p : {&actual, &expected}) {
          for (int64_t i = 0; i < 28; ++i) p->logits.set(i, pixels[static_cast<size_t>(i % 7)][static_cast<size_t>(i / 7)]);
          for (int64_t i = 0; i < 7; ++i) p->target.set(i, target);
          p->params.label_smoothing = smoothing;
        }
        expected.cross_entropy(reference::cross_entropy_forward, reference::cross_entropy_backward);
        actual.cross_entropy(cpu::cross_entropy_forward, cpu::cross_entropy_backward);
        expect_close(actual.loss, expected.loss, within(1e-14, 1e-15), "loss");
        expect_close(actual.grad_logits, expected.grad_logits, within(1e-14, 0), "gradient");
        if (target == 255) {
          EXPECT_EQ(actual.grad_logits.values(), std::vector<double>(28, 0.0));  // ignored, whatever the logits
        }
      }
}

TEST(CrossEntropyCpu, ReportsTheFirstInvalidTargetAndTreatsItAsIgnored) {
  for (double bad : {4.0, -1.0, 1e15, -1e15}) {
    Problem actual(kFloat32, {2, 4, 3, 5}), expected(kFloat32, {2, 4, 3, 5});
    for (Problem* p : {&actual, &expected}) {
      p->target.set(17, bad);
      p->target.set(29, bad);
    }
    expected.cross_entropy(reference::cross_entropy_forward, reference::cross_entropy_backward);
    actual.cross_entropy(cpu::cross_entropy_forward, cpu::cross_entropy_backward);
    EXPECT_EQ(actual.first_invalid.get(0), 17);
    EXPECT_EQ(actual.loss.get(17), 0);
    expect_same(actual, expected, kFloat32, "cross_entropy");
    expected.nll(reference::nll_loss_forward, reference::nll_loss_backward);
    actual.nll(cpu::nll_loss_forward, cpu::nll_loss_backward);
    EXPECT_EQ(actual.first_invalid.get(0), 17);
    expect_same(actual, expected, kFloat32, "nll_loss");
  }
}

TEST(CrossEntropyCpu, IgnoreIndexMayBeAClass) {
  Problem p(kFloat32, {1, 3, 1, 4});
  p.params.ignore_index = 1;
  p.weighted = false;
  p.target.fill({0, 1, 2, 1});
  p.cross_entropy(cpu::cross_entropy_forward, cpu::cross_entropy_backward);
  EXPECT_EQ(p.total_weight.get(0), 2);
  EXPECT_EQ(p.first_invalid.get(0), -1);
  EXPECT_EQ(p.loss.get(1), 0);
}

// The gradient of a mean arrives as one number for all pixels.
TEST(CrossEntropyCpu, TakesAnExpandedGradient) {
  for (MemoryOrder layout : {MemoryOrder::RowMajor, MemoryOrder::ChannelsLast}) {
    Problem actual(kFloat32, {2, 21, 4, 9}, layout), expected(kFloat32, {2, 21, 4, 9});
    for (Problem* p : {&actual, &expected}) p->grad_loss.view.strides = {0, 0, 0};
    expected.cross_entropy(reference::cross_entropy_forward, reference::cross_entropy_backward);
    actual.cross_entropy(cpu::cross_entropy_forward, cpu::cross_entropy_backward);
    expect_same(actual, expected, kFloat32, "expanded");
  }
}

TEST(CrossEntropyCpu, SameBitsForAnyThreadCount) {
  Problem one(kFloat32, {2, 21, 31, 33}), many(kFloat32, {2, 21, 31, 33});
  with_threads(1, [&] { one.cross_entropy(cpu::cross_entropy_forward, cpu::cross_entropy_backward); });
  with_threads(5, [&] { many.cross_entropy(cpu::cross_entropy_forward, cpu::cross_entropy_backward); });
  EXPECT_EQ(one.loss.values(), many.loss.values());
  EXPECT_EQ(one.total_weight.get(0), many.total_weight.get(0));
  EXPECT_EQ(one.grad_logits.values(), many.grad_logits.values());
}

}  // namespace
}  // namespace tessera::kernels
