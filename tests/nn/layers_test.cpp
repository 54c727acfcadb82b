#include <gtest/gtest.h>

#include "core/ops.h"
#include "nn/nn.h"
#include "tests/support/golden.h"

namespace tessera::nn {
namespace {

namespace F = functional;
using testing_support::expect_close;
using testing_support::numbers;

struct Moments {
  double mean = 0, std = 0, low = 0, high = 0;
};
Moments moments(const Tensor& tensor) {
  const std::vector<double> x = numbers(tensor);
  Moments m{.low = x[0], .high = x[0]};
  for (double v : x) {
    m.mean += v / static_cast<double>(x.size());
    m.low = std::min(m.low, v);
    m.high = std::max(m.high, v);
  }
  for (double v : x) m.std += (v - m.mean) * (v - m.mean) / static_cast<double>(x.size());
  m.std = std::sqrt(m.std);
  return m;
}

TEST(Init, DistributionsHaveTheirMoments) {
  manual_seed(1);
  const Tensor w = empty({200, 50, 3, 3});
  const double fan_in = 450, fan_out = 1800;
  const auto check_moments = [&](double mean, double std) {
    const Moments m = moments(w);
    EXPECT_NEAR(m.mean, mean, 0.02 * std);  // 90,000 numbers: five standard errors are 0.017 std
    EXPECT_NEAR(m.std, std, 0.02 * std);
    return m;
  };
  init::uniform_(w, -1, 3);
  check_moments(1, 4 / std::sqrt(12.0));
  init::normal_(w, 2, 0.5);
  check_moments(2, 0.5);
  init::kaiming_normal_(w);
  check_moments(0, std::sqrt(2 / fan_in));
  init::kaiming_normal_(w, 0, kFanOut, kReLU);
  check_moments(0, std::sqrt(2 / fan_out));
  init::kaiming_uniform_(w, std::sqrt(5.0));
  const Moments m = check_moments(0, std::sqrt(1 / (3 * fan_in)));
  EXPECT_LE(m.high, 1 / std::sqrt(fan_in));
  EXPECT_GE(m.high, 0.99 / std::sqrt(fan_in));
  init::xavier_normal_(w, 2);
  check_moments(0, 2 * std::sqrt(2 / (fan_in + fan_out)));
  init::xavier_uniform_(w);
  EXPECT_NEAR(check_moments(0, std::sqrt(2 / (fan_in + fan_out))).high, std::sqrt(6 / (fan_in + fan_out)), 1e-4);
  EXPECT_DOUBLE_EQ(init::calculate_gain(kTanh), 5.0 / 3);
  EXPECT_DOUBLE_EQ(init::calculate_gain(kLeakyReLU, 0.2), std::sqrt(2 / 1.04));
  EXPECT_THROW(init::kaiming_normal_(empty({3})), ShapeError);
}

TEST(Init, BilinearInterpolates) {
  const Tensor w = init::bilinear_(empty({2, 2, 4, 4}, kFloat64));
  expect_close(numbers(w[1][1][1]), {0.1875, 0.5625, 0.5625, 0.1875}, 1e-15, "row 1");
  EXPECT_EQ(numbers(w[0][1]), std::vector<double>(16, 0.0));
  expect_close(numbers(init::bilinear_(empty({1, 1, 3, 3}, kFloat64))[0][0][0]), {0.25, 0.5, 0.25}, 1e-15, "odd");
  EXPECT_THROW(init::bilinear_(empty({2, 1, 4, 4})), ShapeError);
}

TEST(Layers, ConvolutionsHaveTheirShapesAndArguments) {
  manual_seed(2);
  const Conv2d conv(Conv2dOptions(4, 6, {3, 5}).stride({2, 1}).padding({1, 2}).groups(2).bias(false));
  EXPECT_TRUE(conv->weight.sizes() == IntArrayRef({6, 2, 3, 5}));
  EXPECT_FALSE(conv->bias.defined());
  EXPECT_EQ(conv->parameters().size(), 1u);
  const Tensor x = randn({2, 4, 9, 8});
  EXPECT_TRUE(conv(x).sizes() == IntArrayRef({2, 6, 5, 8}));
  EXPECT_EQ(numbers(conv(x)),
            numbers(F::conv2d(x, conv->weight, F::Conv2dFuncOptions().stride({2, 1}).padding({1, 2}).groups(2))));
  EXPECT_LE(moments(conv->weight).high, 1 / std::sqrt(30.0));

  const ConvTranspose2d up(ConvTranspose2dOptions(3, 5, 3).stride(2).padding(1).output_padding(1));
  EXPECT_TRUE(up->weight.sizes() == IntArrayRef({3, 5, 3, 3}));
  EXPECT_TRUE(up(ones({1, 3, 4, 4})).sizes() == IntArrayRef({1, 5, 8, 8}));
  EXPECT_TRUE(up(ones({1, 3, 4, 4}), ExpandingArray<2>({7, 8})).sizes() == IntArrayRef({1, 5, 7, 8}));
  EXPECT_THROW(up(ones({1, 3, 4, 4}), ExpandingArray<2>(9)), ValueError);
  EXPECT_THROW(Conv2d(Conv2dOptions(3, 4, 3).groups(2)), ValueError);
  EXPECT_THROW(Conv2d(Conv2dOptions(3, 4, {3, 3, 3})), ValueError);
}

TEST(Layers, BatchNormKeepsRunningStatistics) {
  manual_seed(3);
  const BatchNorm2d norm(2);
  const Tensor x = add(randn({3, 2, 4, 5}), 2);
  const Tensor y = norm(x);
  EXPECT_NEAR(moments(y).mean, 0, 1e-6);
  expect_close(numbers(norm->running_mean), numbers(x.mean({0, 2, 3}).mul(0.1)), 1e-6, "mean");
  expect_close(numbers(norm->running_var), numbers(x.var({0, 2, 3}).mul(0.1).add(0.9)), 1e-6, "var");
  EXPECT_EQ(numbers(norm->forward_relu(x)), numbers(relu(y)));
  norm->eval();
  const auto mean = numbers(norm->running_mean);
  norm(x);
  EXPECT_EQ(numbers(norm->running_mean), mean);
  EXPECT_EQ(norm->num_batches_tracked.item<int64_t>(), 2);

  const BatchNorm2d cumulative(BatchNorm2dOptions(2).momentum(std::nullopt).affine(false));
  EXPECT_TRUE(cumulative->parameters().empty());
  cumulative(x);
  cumulative(mul(x, 3));
  expect_close(numbers(cumulative->running_mean), numbers(x.mean({0, 2, 3}).mul(2)), 1e-6, "mean of two batches");

  const BatchNorm2d stateless(BatchNorm2dOptions(2).track_running_stats(false));
  stateless->eval();
  EXPECT_NEAR(moments(stateless(x)).mean, 0, 1e-6);
  EXPECT_THROW(norm(ones({2, 2})), ShapeError);
}

TEST(Layers, TheRest) {
  manual_seed(4);
  const Tensor x = randn({2, 4, 6, 6});
  EXPECT_TRUE(MaxPool2d(2)(x).sizes() == IntArrayRef({2, 4, 3, 3}));
  EXPECT_TRUE(MaxPool2d(MaxPool2dOptions(3).stride(2).padding(1).ceil_mode(true))(x).sizes() == IntArrayRef({2, 4, 4, 4}));
  EXPECT_EQ(std::get<1>(MaxPool2d(2)->forward_with_indices(x)).dtype(), kInt64);
  EXPECT_TRUE(AvgPool2d(AvgPool2dOptions({3, 2}))(x).sizes() == IntArrayRef({2, 4, 2, 3}));
  expect_close(numbers(AdaptiveAvgPool2d(1)(x)), numbers(x.mean({2, 3}, true)), 1e-6, "mean");
  EXPECT_TRUE(Upsample(UpsampleOptions().size(std::vector<int64_t>{9, 4}))(x).sizes() == IntArrayRef({2, 4, 9, 4}));
  EXPECT_EQ(numbers(UpsamplingBilinear2d(UpsampleOptions().scale_factor(std::vector<double>{2, 2}))(x)),
            numbers(F::interpolate(
                x, F::InterpolateFuncOptions().size(std::vector<int64_t>{12, 12}).mode(kBilinear).align_corners(true))));
  EXPECT_TRUE(Flatten()(x).sizes() == IntArrayRef({2, 144}));
  EXPECT_TRUE(Identity()(x).is_same(x));
  EXPECT_TRUE(GroupNorm(2, 4)(x).sizes() == x.sizes());
  EXPECT_TRUE(LayerNorm(std::vector<int64_t>{6, 6})(x).sizes() == x.sizes());
  EXPECT_EQ(numbers(Softmax(1)(x)), numbers(F::softmax(x, 1)));
  EXPECT_EQ(numbers(LogSoftmax(1)(x)), numbers(F::log_softmax(x, F::LogSoftmaxFuncOptions(1))));
  EXPECT_EQ(numbers(LeakyReLU(LeakyReLUOptions().negative_slope(0.2))(x)), numbers(tessera::leaky_relu(x, 0.2)));
  const Tensor copy = x.clone();
  EXPECT_TRUE(ReLU(true)(copy).is_same(copy));
  EXPECT_EQ(numbers(copy), numbers(relu(x)));

  Dropout dropout(0.25);
  const Tensor many = dropout(ones({10000}));
  EXPECT_NEAR(moments(many).mean, 1, 0.03);
  EXPECT_NEAR(moments(many).high, 4.0 / 3, 1e-6);
  dropout->eval();
  EXPECT_TRUE(dropout(x).is_same(x));
  EXPECT_TRUE(F::dropout(x).is_same(x));
  EXPECT_THROW(Dropout(1.5), ValueError);
  EXPECT_EQ(F::pad(x, F::PadFuncOptions({1, 1}).mode(kReflect)).size(3), 8);
}

TEST(Losses, ModulesPassTheirOptionsOn) {
  manual_seed(5);
  const Tensor x = randn({2, 3, 4, 4}), t = randint(0, 3, {2, 4, 4}), w = rand({3});
  const Tensor y = rand({2, 3, 4, 4}), p = sigmoid(x), logp = log_softmax(x, 1);
  const auto same = [](const Tensor& a, const Tensor& b) { EXPECT_EQ(numbers(a), numbers(b)); };
  CrossEntropyLoss loss(CrossEntropyLossOptions().weight(w).ignore_index(1).reduction(kSum).label_smoothing(0.1));
  same(loss(x, t), cross_entropy(x, t, w, kSum, 1, 0.1));
  same(F::cross_entropy(x, t, F::CrossEntropyFuncOptions().ignore_index(2)), cross_entropy(x, t, {}, kMean, 2));
  same(NLLLoss(NLLLossOptions().weight(w).reduction(kNone))(logp, t), nll_loss(logp, t, w, kNone));
  same(MSELoss()(x, y), mse_loss(x, y));
  same(L1Loss(kSum)(x, y), l1_loss(x, y, kSum));
  same(SmoothL1Loss(SmoothL1LossOptions().beta(0.5))(x, y), smooth_l1_loss(x, y, kMean, 0.5));
  same(BCELoss()(p, y), binary_cross_entropy(p, y));
  same(BCEWithLogitsLoss(BCEWithLogitsLossOptions().pos_weight(full({1}, 2.0)))(x, y),
       binary_cross_entropy_with_logits(x, y, {}, kMean, full({1}, 2.0)));
  same(KLDivLoss(KLDivLossOptions(kBatchMean))(logp, y), kl_div(logp, y, kBatchMean));
  loss->to(kFloat64);
  EXPECT_EQ(loss->weight.dtype(), kFloat64);
}

}  // namespace
}  // namespace tessera::nn
