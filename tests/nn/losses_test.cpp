// Losses as modules, sums of losses, and the average of weights.
#include <gtest/gtest.h>

#include "nn/nn.h"
#include "tests/support/numbers.h"

namespace tessera::nn {
namespace {

using testing_support::expect_near;

TEST(Losses, ModulesHandOnTheirOptions) {
  const Tensor x = rand({2, 3, 4, 5}, kFloat64), t = randint(0, 3, {2, 4, 5});
  const Tensor w = tensor({0.2, 0.5, 1.0}, kFloat64);
  EXPECT_TRUE(
      equal(FocalLoss(FocalLossOptions().weight(w).alpha(0.25).gamma(3).ignore_index(2))(x, t), focal_loss(x, t, w, 0.25, 3, 2)));
  EXPECT_TRUE(equal(DiceLoss(DiceLossOptions().beta(2).smooth(1).ignore_index(2))(x, t), dice_loss(x, t, 2, 1, 2)));
  EXPECT_TRUE(equal(CrossEntropyLoss(CrossEntropyLossOptions().weight(w).label_smoothing(0.1))(x, t),
                    cross_entropy(x, t, w, kMean, -100, 0.1)));
  EXPECT_TRUE(equal(HuberLoss(HuberLossOptions(kSum).delta(0.3))(x, mul(x, 2)), huber_loss(x, mul(x, 2), kSum, 0.3)));
}

TEST(Losses, AWeightedSum) {
  const Tensor x = rand({2, 3, 4, 5}, kFloat64), t = randint(0, 3, {2, 4, 5});
  const SumLoss loss(
      {{1, CrossEntropyLoss(CrossEntropyLossOptions().weight(tensor({1.0, 2.0, 3.0}, kFloat64)))}, {0.5, DiceLoss()}});
  const Tensor expected = add(cross_entropy(x, t, tensor({1.0, 2.0, 3.0}, kFloat64)), mul(dice_loss(x, t), 0.5));
  EXPECT_TRUE(allclose(loss(x, t), expected, 0, 1e-14));
  EXPECT_EQ(loss->named_buffers().keys(), std::vector<std::string>{"0.weight"});
  const auto copy = std::dynamic_pointer_cast<SumLossImpl>(loss->clone());
  EXPECT_TRUE(equal(copy->forward(x, t), loss(x, t)));
  EXPECT_FALSE(copy->buffers()[0].is_same(loss->buffers()[0]));
  EXPECT_THROW(SumLossImpl(std::vector<LossTerm>()), ValueError);
}

TEST(EMA, AveragesWeightsAndCopiesBuffers) {
  BatchNorm2d net(1);
  EMA ema(*net, 0.75);
  const auto set = [&](double value) {
    const NoGradGuard no_grad;
    net->weight.fill_(value);
    net->running_mean.fill_(value);
  };
  set(5);
  ema.update();  // 0.75 * 1 + 0.25 * 5 = 2
  set(6);
  ema.update();  // 0.75 * 2 + 0.25 * 6 = 3
  const Tensor handle = net->weight;
  ema.swap();
  expect_near(net->weight, {3}, 0);
  expect_near(net->running_mean, {6}, 0);
  EXPECT_TRUE(handle.is_same(net->weight) && handle.requires_grad());
  EXPECT_THROW(ema.update(), ValueError);
  expect_near(ema.state()[0].second, {3}, 0);
  ema.swap();
  expect_near(net->weight, {6}, 0);

  EMA continued(*net, 0.75);
  continued.load_state(ema.state());
  EXPECT_EQ(continued.updates(), 2);
  set(7);
  continued.update();
  expect_near(continued.state()[0].second, {4}, 0);
  EXPECT_THROW(continued.load_state({}), ValueError);
  EXPECT_THROW(EMA(*net, 1.5), ValueError);
}

TEST(EMA, WarmsUp) {
  Linear net(LinearOptions(1, 1).bias(false));
  net->weight.detach().fill_(1);
  EMA ema(*net, 0.999, /*warm_up=*/true);
  net->weight.detach().fill_(0);
  ema.update();
  expect_near(ema.state()[0].second, {2.0 / 11}, 1e-7);
  ema.update();
  expect_near(ema.state()[0].second, {2.0 / 11 * 3 / 12}, 1e-7);
}

}  // namespace
}  // namespace tessera::nn
