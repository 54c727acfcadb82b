#include "models/vgg.h"

#include <gtest/gtest.h>

#include "core/ops.h"
#include "nn/layers/conv.h"
#include "tests/support/numbers.h"

namespace tessera::models {
namespace {

using testing_support::numbers;

int64_t count(const nn::Module& module) {
  int64_t total = 0;
  for (const Tensor& p : module.parameters()) total += p.numel();
  return total;
}

// Totals of torchvision's networks, of which 123642856 are in the classifier for 1000 classes.
TEST(VGG, ParametersAreTorchvisions) {
  const std::map<int64_t, std::pair<int64_t, int64_t>> totals = {
      {11, {132863336, 132868840}}, {13, {133047848, 133053736}}, {16, {138357544, 138365992}}, {19, {143667240, 143678248}}};
  for (const auto& [depth, total] : totals) {
    EXPECT_EQ(count(*vgg_features(VGGOptions(depth))), total.first - 123642856) << depth;
    EXPECT_EQ(count(*vgg_features(VGGOptions(depth).batch_norm(true))), total.second - 123642856) << depth;
  }
}

TEST(VGG, NamesAreTorchvisions) {
  const VGG net(VGGOptions(16).batch_norm(true).num_classes(7).in_channels(1));
  EXPECT_EQ(count(*net), 138365992 - 993 * 4097 - 2 * 64 * 9);
  const auto parameters = net->named_parameters();
  EXPECT_EQ(parameters[0].key(), "features.0.weight");
  EXPECT_EQ(parameters[2].key(), "features.1.weight");
  EXPECT_TRUE(parameters["features.40.weight"].sizes() == IntArrayRef({512, 512, 3, 3}));
  EXPECT_TRUE(parameters["classifier.0.weight"].sizes() == IntArrayRef({4096, 25088}));
  EXPECT_TRUE(parameters["classifier.3.weight"].sizes() == IntArrayRef({4096, 4096}));
  EXPECT_TRUE(parameters["classifier.6.weight"].sizes() == IntArrayRef({7, 4096}));
  EXPECT_TRUE(net->named_buffers().contains("features.1.running_mean"));

  net->eval();
  const NoGradGuard no_grad;
  const Tensor image = randn({2, 1, 45, 70});
  const Tensor scores = net(image);
  EXPECT_TRUE(scores.sizes() == IntArrayRef({2, 7}));
  // The parts by hand, without the fused batch norm.
  const Tensor pooled = adaptive_avg_pool2d(net->features(image), {7, 7});
  const Tensor expected = net->classifier(pooled.reshape({2, 25088}));
  EXPECT_LE(max(abs(scores - expected)).item<double>(), 1e-5 * max(abs(expected)).item<double>());
  EXPECT_THROW(net(randn({1, 1, 31, 64})), ShapeError);
  EXPECT_THROW(net(randn({1, 3, 64, 64})), ShapeError);
}

TEST(VGG, FeaturesCanBeSliced) {
  const nn::Sequential features = vgg_features(VGGOptions(16).batch_norm(true));
  EXPECT_EQ(vgg_stage_ends(features), (std::vector<size_t>{7, 14, 24, 34, 44}));
  EXPECT_EQ(vgg_stage_ends(vgg_features(VGGOptions(11))), (std::vector<size_t>{3, 6, 11, 16, 21}));
  const auto stage = features->slice(7, 14);
  EXPECT_EQ(stage->size(), 7u);
  EXPECT_EQ(stage->named_parameters()[0].key(), "7.weight");
  EXPECT_EQ(stage->ptr(0), features->ptr(7)) << "the modules are shared";
  EXPECT_TRUE(features->slice(44, 44)->is_empty());
  EXPECT_THROW(features->slice(0, 45), IndexError);
  EXPECT_THROW(features->slice(8, 7), IndexError);
  const NoGradGuard no_grad;
  const Tensor image = randn({1, 3, 32, 32});
  features->eval();
  EXPECT_EQ(numbers(features->slice(14, 44)->forward(features->slice(0, 14)->forward(image))), numbers(features(image)));
  // A slice of a network in evaluation mode leaves the modules in that mode.
  EXPECT_FALSE(features->ptr(7)->is_training());
}

TEST(VGG, DepthsAndSizesAreChecked) {
  EXPECT_THROW(vgg_features(VGGOptions(12)), ValueError);
  EXPECT_THROW(vgg_features(VGGOptions(11).in_channels(0)), ValueError);
  EXPECT_THROW(VGG(VGGOptions(11).num_classes(0)), ValueError);
}

TEST(VGG, ConvolutionsStartFromHesDistribution) {
  manual_seed(1);
  const nn::Sequential features = vgg_features(VGGOptions(11));
  for (const auto& p : features->named_parameters()) {
    const double square_mean = mean(square(p->detach())).item<double>();
    const double expected = p->dim() == 4 ? 2.0 / static_cast<double>(p->size(0) * 9) : 0;
    EXPECT_NEAR(square_mean, expected, 0.06 * expected) << p.key();
  }
}

}  // namespace
}  // namespace tessera::models
