// Losses: worked examples, gradients, reductions, ignored pixels and errors.
#include "core/ops/loss.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/autograd.h"
#include "core/gradcheck.h"
#include "core/ops.h"
#include "tests/support/inputs.h"
#include "tests/support/message_of.h"
#include "tests/support/numbers.h"

namespace tessera {
namespace {

using namespace testing_support;

constexpr Reduction kReductions[] = {kNone, kMean, kSum};

// Class indices 0 .. classes - 1, every fifth one 255.
Tensor targets(IntArrayRef sizes, int64_t classes) {
  const Tensor t = empty(sizes, kInt64);
  for (int64_t i = 0; i < t.numel(); ++i) t.data_ptr<int64_t>()[i] = i % 5 == 3 ? 255 : (3 * i + i / 4) % classes;
  return t;
}

TEST(NllLoss, WorkedExampleOfTheNotes) {
  const Tensor gt = tensor({{{0, 1, 1}, {0, 0, 0}}});
  const Tensor out = tensor(
      {{{{-0.2070, -1.0661, -0.6972}, {-0.1605, -0.6022, -0.4681}}, {{-1.6767, -0.4221, -0.6891}, {-1.9085, -0.7933, -0.9839}}}});
  const Tensor loss = nll_loss(out, gt, {}, kNone);
  EXPECT_EQ(loss.sizes(), IntArrayRef({1, 2, 3}));
  expect_near(loss, {0.2070, 0.4221, 0.6891, 0.1605, 0.6022, 0.4681}, 1e-7);
  expect_near(nll_loss(out, gt), {0.4248}, 5e-5);
}

TEST(NllLoss, GradientIsMinusOneAtTheTargetOverTheCount) {
  const Tensor x = zeros({2, 3}, kFloat64).requires_grad_();
  nll_loss(x, tensor({2, 0})).backward();
  expect_near(x.grad(), {0, 0, -0.5, -0.5, 0, 0}, 0);
}

TEST(NllLoss, GradcheckOverShapesReductionsAndWeights) {
  for (const DimVector& sizes : {DimVector{4, 3}, {2, 3, 5}, {2, 3, 2, 4}, {2, 3, 2, 2, 3}}) {
    const Tensor x = uniform(sizes, -2, 0, 1);
    DimVector pixels = sizes;
    pixels.erase(1);
    const Tensor t = targets(pixels, 3), weight = tensor({0.5, 2.0, 1.5}, kFloat64);
    for (Reduction reduction : kReductions)
      for (const Tensor& w : {Tensor(), weight})
        gradcheck([&](const TensorList& in) { return nll_loss(in[0], t, w, reduction, 255); }, {x});
  }
}

TEST(CrossEntropy, IsNllLossOfLogSoftmax) {
  const Tensor x = uniform({2, 4, 3, 5}, -3, 3, 2), t = targets({2, 3, 5}, 4), w = tensor({0.5, 2.0, 1.5, 1.0}, kFloat64);
  for (Reduction reduction : kReductions) {
    const Tensor fused = cross_entropy(x, t, w, reduction, 255), composed = nll_loss(log_softmax(x, 1), t, w, reduction, 255);
    expect_near(fused, numbers(composed), 1e-14);
    const Tensor g = uniform(fused.sizes(), -1, 1, 3).detach();
    expect_near(autograd::grad({fused}, {x}, {g})[0], numbers(autograd::grad({composed}, {x}, {g})[0]), 1e-15);
  }
}

TEST(CrossEntropy, GradcheckWithSmoothingAndWeights) {
  const Tensor x = uniform({2, 3, 2, 4}, -2, 2, 4), t = targets({2, 2, 4}, 3), weight = tensor({0.5, 2.0, 1.5}, kFloat64);
  for (Reduction reduction : kReductions)
    for (const Tensor& w : {Tensor(), weight})
      for (double smoothing : {0.0, 0.2})
        gradcheck([&](const TensorList& in) { return cross_entropy(in[0], t, w, reduction, 255, smoothing); }, {x});
}

// Probabilities that are one-hot are class indices; the smoothing is the same too.
TEST(CrossEntropy, OneHotProbabilitiesAreClassIndices) {
  const Tensor x = uniform({5, 3}, -2, 2, 5), t = tensor({0, 2, 1, 1, 0});
  const Tensor one_hot = zeros({5, 3}, kFloat64);
  for (int64_t i = 0; i < 5; ++i) one_hot.data_ptr<double>()[3 * i + t.data_ptr<int64_t>()[i]] = 1;
  for (Reduction reduction : kReductions)
    for (double smoothing : {0.0, 0.3})
      expect_near(cross_entropy(x, one_hot, {}, reduction, -100, smoothing),
                  numbers(cross_entropy(x, t, {}, reduction, -100, smoothing)), 1e-14);
  const Tensor soft = uniform({5, 3}, 0, 1, 6), w = tensor({0.5, 2.0, 1.5}, kFloat64);
  gradcheck([&](const TensorList& in) { return cross_entropy(in[0], in[1], w, kMean, -100, 0.1); }, {x, soft});
}

TEST(CrossEntropy, UnbatchedAndHigherShapes) {
  const Tensor x = uniform({3}, -2, 2, 7);
  expect_near(cross_entropy(x, tensor(1)), numbers(cross_entropy(x.unsqueeze(0), tensor({1}))), 0);
  EXPECT_EQ(cross_entropy(x, tensor(1), {}, kNone).dim(), 0);
  const Tensor volume = uniform({2, 3, 2, 2, 3}, -2, 2, 8), t = targets({2, 2, 2, 3}, 3);
  EXPECT_EQ(cross_entropy(volume, t, {}, kNone, 255).sizes(), t.sizes());
}

TEST(CrossEntropy, KeepsChannelsLastInTheGradient) {
  const Tensor x = uniform({2, 5, 3, 4}, -2, 2, 9).detach().contiguous(kChannelsLast).requires_grad_();
  const Tensor t = targets({2, 3, 4}, 5);
  cross_entropy(x, t, {}, kMean, 255).backward();
  EXPECT_TRUE(x.grad().is_contiguous(kChannelsLast));
}

// All pixels ignored: 0 / 0, as in PyTorch; the gradient is 0 and not NaN.
TEST(CrossEntropy, NothingButIgnoredPixels) {
  const Tensor x = uniform({1, 3, 2, 2}, -2, 2, 10), t = full({1, 2, 2}, 255, kInt64);
  const Tensor loss = cross_entropy(x, t, {}, kMean, 255);
  EXPECT_TRUE(std::isnan(loss.item<double>()));
  loss.backward();
  expect_near(x.grad(), std::vector<double>(12, 0.0), 0);
}

TEST(CrossEntropy, HalfTypesSumInFloat) {
  const Tensor x = zeros({1, 2, 300, 300}, kFloat16), t = zeros({1, 300, 300}, kInt64);
  const Tensor loss = cross_entropy(x, t);  // the sum, 62383, has 11 bits in float16 and would overflow from 65504 on
  EXPECT_EQ(loss.dtype(), kFloat16);
  expect_near(loss, {std::log(2.0)}, 0x1p-12);
}

TEST(CrossEntropy, Errors) {
  const Tensor x = ones({2, 11, 3, 4});
  const Tensor t = zeros({2, 3, 4}, kInt64);
  t.data_ptr<int64_t>()[17] = 12;
  const std::string message = message_of<IndexError>([&] { cross_entropy(x, t); });
  EXPECT_NE(message.find("cross_entropy: target 12 at element 17 is out of range for 11 classes"), std::string::npos) << message;
  EXPECT_THROW(nll_loss(x, t), IndexError);
  EXPECT_NO_THROW(cross_entropy(x, t, {}, kMean, 12));
  EXPECT_THROW(cross_entropy(x, zeros({2, 3, 5}, kInt64)), ShapeError);
  EXPECT_THROW(cross_entropy(x, zeros({2, 3, 4}, kInt32)), TypeError);
  EXPECT_THROW(cross_entropy(x, zeros({2, 3, 4}, kInt64), ones({10})), ShapeError);
  EXPECT_THROW(cross_entropy(x, zeros({2, 3, 4})), ShapeError);  // probabilities have the input's shape
  EXPECT_THROW(cross_entropy(x, ones({2, 11, 3, 4}), {}, kMean, 255), ValueError);
  EXPECT_THROW(cross_entropy(x, zeros({2, 3, 4}, kInt64), {}, kMean, -100, 1.5), ValueError);
  EXPECT_THROW(cross_entropy(x, zeros({2, 3, 4}, kInt64), {}, kBatchMean), ValueError);
}

TEST(FocalLoss, IsCrossEntropyWithoutModulation) {
  const Tensor x = uniform({2, 4, 3, 3}, -2, 2, 11),
               t = tensor({0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1}).view({2, 3, 3});
  expect_near(focal_loss(x, t, {}, {}, 0), numbers(cross_entropy(x, t)), 1e-14);
  const double p = 0.5;  // two classes with equal scores
  expect_near(focal_loss(zeros({1, 2}), tensor({0})), {-0.5 * (1 - p) * (1 - p) * std::log(p)}, 1e-7);
}

TEST(FocalLoss, Gradcheck) {
  const Tensor x = uniform({2, 4, 3, 3}, -2, 2, 12), t = targets({2, 3, 3}, 4), w = tensor({0.5, 2.0, 1.5, 1.0}, kFloat64);
  gradcheck([&](const TensorList& in) { return focal_loss(in[0], t, w, 0.5, 2, 255); }, {x});
  gradcheck([&](const TensorList& in) { return focal_loss(in[0], t, {}, {}, 3, 255); }, {x});
}

TEST(DiceLoss, KnownValueAndGradient) {
  // Equal scores: p = 1/2 everywhere; class 0 holds one of two pixels: tp = 1/2, fp = 1/2, fn = 1/2, so dice = 1/2 in both
  // classes.
  const Tensor target = tensor({{{{1.0, 0.0}}, {{0.0, 1.0}}}}, kFloat64);
  expect_near(dice_loss(zeros({1, 2, 1, 2}, kFloat64), target, 1, 0), {0.5}, 1e-15);
  const Tensor x = uniform({2, 3, 2, 3}, -2, 2, 13), t = uniform({2, 3, 2, 3}, 0, 1, 14);
  gradcheck([&](const TensorList& in) { return dice_loss(in[0], in[1], 2, 0.1); }, {x, t});
  EXPECT_THROW(dice_loss(x, ones({2, 2, 3})), ShapeError);
}

TEST(DiceLoss, ClassIndicesAreOneHot) {
  const Tensor x = uniform({2, 3, 2, 4}, -2, 2, 15), labels = targets({2, 2, 4}, 3);
  const Tensor hot = mul(permute(one_hot(where(eq(labels, 255), 0, labels), 3), {0, 3, 1, 2}), ne(labels, 255).unsqueeze(1));
  EXPECT_TRUE(equal(dice_loss(x, labels, 1, 1e-5, 255), dice_loss(x, hot.to(kFloat64))));
  EXPECT_THROW(dice_loss(x, labels), ValueError);
}

TEST(BinaryCrossEntropy, TargetWithoutTheLastDimensionOfSizeOne) {
  const Tensor x = uniform({4, 1}, 0.1, 0.9, 20), t = uniform({4}, 0, 1, 21).detach();
  EXPECT_TRUE(equal(binary_cross_entropy(x, t), binary_cross_entropy(x, t.unsqueeze(1))));
  EXPECT_THROW(binary_cross_entropy(x, ones({2, 2}, kFloat64)), ShapeError);
}

TEST(HuberLoss, IsSmoothL1TimesDelta) {
  const Tensor x = tensor({0.0, 0.5, 3.0}, kFloat64), t = zeros({3}, kFloat64);
  expect_near(huber_loss(x, t, kNone, 2), {0, 0.125, 4}, 1e-15);
  EXPECT_THROW(huber_loss(x, t, kMean, 0), ValueError);
}

TEST(Distributions, WorkedExampleOfTheNotes) {
  const Tensor p = tensor({0.001, 0.099, 0.9}, kFloat64);
  expect_near(entropy(p), {0.001 * -std::log(0.001) + 0.099 * -std::log(0.099) + 0.9 * -std::log(0.9)}, 1e-15);
  expect_near(entropy(tensor({{1.0, 0.0}, {0.5, 0.5}}, kFloat64)), {0, std::log(2.0)}, 1e-15);
}

TEST(Distributions, DivergenceIsCrossEntropyLessEntropy) {
  const Tensor p = softmax(uniform({3, 4}, -1, 1, 16).detach(), 0), q = softmax(uniform({3, 4}, -1, 1, 17).detach(), 0);
  EXPECT_TRUE(allclose(kl_divergence(p, q, 0), sub(distribution_cross_entropy(p, q, 0), entropy(p, 0)), 0, 1e-14));
  EXPECT_TRUE(all(gt(kl_divergence(p, q, 0), 0)).item<bool>());
  expect_near(kl_divergence(p, p, 0), {0, 0, 0, 0}, 1e-16);
  const Tensor one = tensor({1.0, 0.0}, kFloat64);
  expect_near(distribution_cross_entropy(one, one), {0}, 0);
  expect_near(kl_divergence(one, tensor({0.25, 0.75}, kFloat64)), {std::log(4.0)}, 1e-15);
  EXPECT_TRUE(std::isinf(kl_divergence(tensor({0.5, 0.5}, kFloat64), one).item<double>()));
  const Tensor a = uniform({2, 3}, 0.1, 1, 18), b = uniform({2, 3}, 0.1, 1, 19);
  gradcheck([](const TensorList& in) { return entropy(in[0]); }, {a});
  gradcheck([](const TensorList& in) { return kl_divergence(in[0], in[1], 0); }, {a, b});
  gradcheck([](const TensorList& in) { return distribution_cross_entropy(in[0], in[1]); }, {a, b});
}

TEST(RegressionLosses, KnownValues) {
  const Tensor x = tensor({1.0, -2.0, 0.25}, kFloat64), t = tensor({0.0, 1.0, 0.0}, kFloat64);
  expect_near(mse_loss(x, t, kNone), {1, 9, 0.0625}, 1e-15);
  expect_near(mse_loss(x, t), {10.0625 / 3}, 1e-15);
  expect_near(l1_loss(x, t, kSum), {4.25}, 1e-15);
  expect_near(smooth_l1_loss(x, t, kNone), {0.5, 2.5, 0.03125}, 1e-15);
  expect_near(smooth_l1_loss(x, t, kNone, 0.5), {0.75, 2.75, 0.0625}, 1e-15);
  expect_near(smooth_l1_loss(x, t, kNone, 0), {1, 3, 0.25}, 1e-15);
}

TEST(RegressionLosses, GradcheckInBothArguments) {
  const Tensor x = uniform({3, 4}, -2, 2, 15), t = uniform({3, 4}, -2, 2, 16);
  for (Reduction reduction : kReductions) {
    gradcheck([&](const TensorList& in) { return mse_loss(in[0], in[1], reduction); }, {x, t});
    gradcheck([&](const TensorList& in) { return l1_loss(in[0], in[1], reduction); }, {x, t});
    gradcheck([&](const TensorList& in) { return smooth_l1_loss(in[0], in[1], reduction, 0.7); }, {x, t});
  }
  EXPECT_THROW(mse_loss(x, t, kBatchMean), ValueError);
  EXPECT_THROW(smooth_l1_loss(x, t, kMean, -1), ValueError);
}

TEST(BinaryCrossEntropy, KnownValuesAndSaturation) {
  const Tensor x = tensor({0.5, 0.0, 1.0, 1.0}, kFloat64).requires_grad_(), t = tensor({1.0, 1.0, 1.0, 0.0}, kFloat64);
  const Tensor loss = binary_cross_entropy(x, t, {}, kNone);
  expect_near(loss, {std::log(2.0), 100, 0, 100}, 1e-15);
  autograd::backward({loss}, {ones({4}, kFloat64)});
  expect_near(x.grad(), {-2, -1e12, 0, 1e12}, 1e-3);
}

TEST(BinaryCrossEntropy, GradcheckOfBothForms) {
  const Tensor p = uniform({3, 4}, 0.1, 0.9, 17), x = uniform({3, 4}, -2, 2, 18), t = uniform({3, 4}, 0, 1, 19);
  const Tensor w = uniform({4}, 0.5, 2, 20).detach();
  for (Reduction reduction : kReductions)
    for (const Tensor& weight : {Tensor(), w})
      for (const Tensor& positive : {Tensor(), w}) {
        gradcheck([&](const TensorList& in) { return binary_cross_entropy(in[0], in[1], weight, reduction); }, {p, t});
        gradcheck(
            [&](const TensorList& in) { return binary_cross_entropy_with_logits(in[0], in[1], weight, reduction, positive); },
            {x, t});
      }
  gradgradcheck([&](const TensorList& in) { return binary_cross_entropy_with_logits(in[0], in[1], w, kMean, w); }, {x, t});
}

TEST(BinaryCrossEntropyWithLogits, AgreesWithTheProbabilityFormAndDoesNotOverflow) {
  const Tensor x = uniform({3, 4}, -2, 2, 21), t = uniform({3, 4}, 0, 1, 22);
  expect_near(binary_cross_entropy_with_logits(x, t, {}, kNone), numbers(binary_cross_entropy(sigmoid(x), t, {}, kNone)), 1e-14);
  const Tensor large = tensor({1000.0, -1000.0, 0.0}, kFloat64).requires_grad_();
  const Tensor loss = binary_cross_entropy_with_logits(large, tensor({0.0, 1.0, 1.0}, kFloat64), {}, kNone);
  expect_near(loss, {1000, 1000, std::log(2.0)}, 1e-12);
  autograd::backward({loss}, {ones({3}, kFloat64)});
  expect_near(large.grad(), {1, -1, -0.5}, 1e-15);
  EXPECT_THROW(binary_cross_entropy(x, ones({3, 1}, kFloat64)), ShapeError);
}

TEST(KlDiv, KnownValuesAndGradcheck) {
  const Tensor log_q = tensor({{std::log(0.5), std::log(0.5)}}, kFloat64), p = tensor({{1.0, 0.0}}, kFloat64);
  expect_near(kl_div(log_q, p, kNone), {std::log(2.0), 0}, 1e-15);  // 0 log 0 = 0
  expect_near(kl_div(log_q, p, kBatchMean), {std::log(2.0)}, 1e-15);
  const Tensor x = uniform({3, 5}, -3, 0, 23), t = uniform({3, 5}, 0.1, 1, 24);
  for (Reduction reduction : {kNone, kMean, kSum, kBatchMean})
    for (bool log_target : {false, true})
      gradcheck([&](const TensorList& in) { return kl_div(in[0], in[1], reduction, log_target); }, {x, t});
}

}  // namespace
}  // namespace tessera
