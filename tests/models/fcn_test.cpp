#include <gtest/gtest.h>

#include "core/ops.h"
#include "models/fcn_resnet.h"
#include "models/fcn_vgg.h"
#include "nn/init.h"
#include "nn/optim/sgd.h"
#include "tests/models/reference_network.h"

namespace tessera::models {
namespace {

using testing_support::expect_close;
using testing_support::expect_reference_cases;
using testing_support::numbers;

TEST(FCN, ReproducesPyTorch) { expect_reference_cases("fcn_", kFloat64); }
TEST(FCN, Float32StaysWithinAThousandth) { expect_reference_cases("fcn_", kFloat32); }

// Scores of the size of the image, equal to those of the image padded by hand.
void check_padding(const nn::AnyModule& net, int64_t classes) {
  net.ptr()->eval();
  const NoGradGuard no_grad;
  for (const auto& [height, width] : {std::pair<int64_t, int64_t>{1, 1}, {33, 64}, {50, 31}}) {
    const Tensor image = randn({2, 3, height, width});
    const Tensor scores = net.forward(image);
    EXPECT_TRUE(scores.sizes() == IntArrayRef({2, classes, height, width})) << to_string(scores.sizes());
    const Tensor padded = pad(image, {0, (32 - width % 32) % 32, 0, (32 - height % 32) % 32}, "replicate");
    EXPECT_EQ(numbers(scores), numbers(net.forward(padded).narrow(2, 0, height).narrow(3, 0, width)));
  }
  EXPECT_THROW(net.forward(randn({1, 4, 32, 32})), ShapeError);
  EXPECT_THROW(net.forward(randn({3, 32, 32})), ShapeError);
}

TEST(FCNResNet, SizesThat32DoesNotDivide) {
  check_padding(FCNResNet(ResNetOptions(BlockKind::Bottleneck, {1, 1, 1, 1}).num_classes(3)), 3);
}
TEST(FCNVGG16, SizesThat32DoesNotDivide) { check_padding(FCNVGG16(FCNVGG16Options().num_classes(3)), 3); }

TEST(FCNResNet, TheTransposedConvolutionStartsBilinear) {
  const FCNResNet net(resnet18().num_classes(2));
  const auto parameters = net->named_parameters();
  EXPECT_EQ(numbers(parameters["transpose_conv.weight"].detach()), numbers(nn::init::bilinear_(zeros({2, 2, 64, 64}))));
  EXPECT_TRUE(parameters["transpose_conv.bias"].sizes() == IntArrayRef({2}));
  EXPECT_EQ(net->named_children().keys(),
            (std::vector<std::string>{"0", "1", "2", "3", "4", "5", "6", "7", "final_conv", "transpose_conv"}));
  const auto copy = net->clone();
  EXPECT_EQ(copy->named_parameters().keys(), parameters.keys());
}

// What no output depends on has no gradient and is left alone, by weight decay too.
TEST(FCNVGG16, UnusedScoresStayAsTheyAre) {
  const FCNVGG16 net(FCNVGG16Options().num_classes(2));
  const Tensor before = net->named_parameters()["scores1.weight"].detach().clone();
  optim::SGD optimizer(net->parameters(), optim::SGDOptions(0.1).momentum(0.9).weight_decay(0.1));
  for (int step = 0; step < 2; ++step) {
    optimizer.zero_grad();
    sum(net(randn({1, 3, 64, 64}))).backward();
    optimizer.step();
  }
  for (const auto& p : net->named_parameters()) EXPECT_EQ(p->grad().defined(), !p.key().starts_with("scores")) << p.key();
  EXPECT_EQ(numbers(net->named_parameters()["scores1.weight"].detach()), numbers(before));
}

TEST(FCNHead, EightStridesAddThreeScores) {
  manual_seed(3);
  const FCNHead net(FCNHeadOptions(8).num_classes(2).batch_norm(true));
  const NoGradGuard no_grad;
  net->eval();
  const Tensor image = randn({1, 3, 64, 32});
  EXPECT_EQ(numbers(net(image)), std::vector<double>(2 * 64 * 32, 0)) << "the score layers start at zero";
  const auto p = net->named_parameters();
  for (const char* name : {"score_fr.weight", "score_pool4.weight", "score_pool3.weight", "score_pool3.bias"})
    nn::init::normal_(p[name], 0, 0.1);
  const auto pool3 = net->features->slice(0, 24)->forward(image);
  const auto pool4 = net->features->slice(24, 34)->forward(pool3);
  const auto pool5 = net->features->slice(34, 44)->forward(pool4);
  const auto fc6 = relu(conv2d(pool5, p["fc6.weight"], p["fc6.bias"], 1, 3));
  const auto fc7 = relu(conv2d(fc6, p["fc7.weight"], p["fc7.bias"]));
  const auto up = [&](const char* name, const Tensor& x, int64_t factor) {
    return conv_transpose2d(x, p[name], {}, factor, factor / 2);
  };
  const auto score = [&](const std::string& name, const Tensor& x) { return conv2d(x, p[name + ".weight"], p[name + ".bias"]); };
  Tensor expected = up("upscore2.weight", score("score_fr", fc7), 2) + score("score_pool4", pool4);
  expected = up("upscore_pool4.weight", expected, 2) + score("score_pool3", pool3);
  expect_close(numbers(net(image)), numbers(up("upscore8.weight", expected, 8)), 1e-5, "scores");
  EXPECT_FALSE(p["upscore8.weight"].requires_grad());
  EXPECT_TRUE(p["upscore2.weight"].requires_grad());
}

TEST(FCNHead, OtherStridesHaveFewerHeads) {
  const NoGradGuard no_grad;
  const FCNHead net(FCNHeadOptions(32).num_classes(2));
  net->eval();
  EXPECT_TRUE(net(randn({1, 3, 40, 33})).sizes() == IntArrayRef({1, 2, 40, 33}));
  EXPECT_TRUE(net->named_parameters().contains("upscore32.weight"));
  EXPECT_FALSE(net->named_parameters().contains("score_pool4.weight"));
  EXPECT_THROW(FCNHead(FCNHeadOptions(4)), ValueError);
}

}  // namespace
}  // namespace tessera::models
