#include "models/resnet.h"

#include <gtest/gtest.h>

#include "core/ops.h"
#include "models/fused_forward.h"
#include "nn/layers/activation.h"
#include "tests/models/reference_network.h"

namespace tessera::models {
namespace {

using testing_support::expect_close;
using testing_support::expect_reference_cases;
using testing_support::golden_files;
using testing_support::numbers;
using testing_support::run_reference;
using tools::CaseResult;

ResNetOptions small(BlockKind kind = BlockKind::Basic) { return ResNetOptions(kind, {1, 1, 1, 1}).num_classes(5); }

int64_t count(const nn::Module& module) {
  int64_t total = 0;
  for (const Tensor& p : module.parameters()) total += p.numel();
  return total;
}

TEST(ResNet, BasicBlocksReproducePyTorch) { expect_reference_cases("resnet18", kFloat64); }
TEST(ResNet, ThirtyFourLayersReproducePyTorch) { expect_reference_cases("resnet34", kFloat64); }
TEST(ResNet, BottlenecksReproducePyTorch) { expect_reference_cases("resnet50", kFloat64); }
TEST(ResNet, DeepListingsMatch) { expect_reference_cases("resnet1", kFloat64); }
TEST(ResNet, ResNeXtListingsMatch) { expect_reference_cases("resnext", kFloat64); }
TEST(ResNet, WideListingsMatch) { expect_reference_cases("wide_resnet", kFloat64); }
TEST(ResNet, Float32StaysWithinAThousandth) { expect_reference_cases("resnet34", kFloat32); }

// resnet18 is a case with a ReLU that rounding switches in float32. That excuses no wrong gradient, in either precision.
TEST(ResNet, AWrongGradientIsFoundBesideAJumpToo) {
  const auto files = golden_files("models", "resnet18.");
  if (files.empty()) GTEST_SKIP() << "no reference cases in " << TESSERA_SHARED_DIR;
  tools::ReferenceCase c = tools::load_case(files[0]);
  EXPECT_TRUE(run_reference(c, kFloat32).status == CaseResult::Status::Passed);
  for (auto& [name, tensor] : c.content.tensors)
    if (name == "grad.layer1.0.conv1.weight") tensor = mul(tensor, 1.25);
  EXPECT_TRUE(run_reference(c, kFloat32).status == CaseResult::Status::Failed);
  EXPECT_TRUE(run_reference(c, kFloat64).status == CaseResult::Status::Failed);
}

TEST(ResNet, FeatureMapsHaveTheSizesOfTheContract) {
  const NoGradGuard no_grad;
  for (const BlockKind kind : {BlockKind::Basic, BlockKind::Bottleneck})
    for (const bool deep_base : {false, true}) {
      const ResNet net(small(kind).in_channels(4).deep_base(deep_base).stem_width(24).features(true));
      net->eval();
      const Tensor image = randn({2, 4, 45, 70});
      const std::vector<Tensor> maps = net->feature_maps(image);
      const std::vector<int64_t> channels = net->feature_channels();
      EXPECT_EQ(channels[0], deep_base ? 48 : 64);
      EXPECT_EQ(channels[4], 512 * expansion(kind));
      ASSERT_EQ(maps.size(), 5u);
      int64_t height = 45, width = 70;
      for (size_t i = 0; i < maps.size(); ++i) {
        height = (height + 1) / 2, width = (width + 1) / 2;
        EXPECT_TRUE(maps[i].sizes() == IntArrayRef({2, channels[i], height, width})) << i << to_string(maps[i].sizes());
        EXPECT_GE(min(maps[i]).item<double>(), 0) << "a feature map comes after a ReLU";
      }
      EXPECT_EQ(numbers(maps[4]), numbers(net(image)));
    }
}

TEST(ResNet, TheMeanIsTheNotesPoolingAt224) {
  const NoGradGuard no_grad;
  const ResNet net(small());
  net->to(kFloat64);
  net->eval();
  const Tensor image = randn({1, 3, 224, 224}).to(kFloat64);
  const Tensor features = net->feature_maps(image).back();
  const auto parameters = net->named_parameters();
  const Tensor pooled = flatten(avg_pool2d(features, 7, 1), 1);
  const Tensor expected = add(matmul(pooled, parameters["fc.weight"].t()), parameters["fc.bias"]);
  expect_close(numbers(net(image)), numbers(expected), 1e-12, "scores");
}

TEST(ResNet, TinyImagesAndOtherFormats) {
  const NoGradGuard no_grad;
  const ResNet net(small().features(true));
  net->eval();
  EXPECT_TRUE(net(randn({1, 3, 1, 1})).sizes() == IntArrayRef({1, 512, 1, 1}));
  const Tensor image = randn({1, 3, 33, 64});
  const Tensor out = net(image), channels_last = net(image.contiguous(kChannelsLast));
  EXPECT_TRUE(channels_last.is_contiguous(kChannelsLast));
  expect_close(numbers(channels_last), numbers(out), 1e-5, "channels-last");
}

TEST(ResNet, ACloneHasItsOwnMemory) {
  const NoGradGuard no_grad;
  const ResNet net(small().se_reduction(16));
  net->eval();
  const auto copy = std::dynamic_pointer_cast<ResNetImpl>(net->clone());
  ASSERT_NE(copy, nullptr);
  const Tensor image = randn({1, 3, 40, 40});
  const std::vector<double> before = numbers(net(image));
  EXPECT_EQ(numbers(copy->forward(image)), before);
  copy->named_parameters()["conv1.weight"].zero_();
  copy->named_parameters()["layer4.0.se.fc.0.weight"].zero_();
  EXPECT_EQ(numbers(net(image)), before);
  EXPECT_NE(numbers(copy->forward(image)), before);
}

// SE-ResNet-18 adds 2 C C / 16 weights to each block of C channels, between the last norm and the shortcut.
TEST(ResNet, SqueezeExciteStandsInEachBlock) {
  const ResNet plain(resnet18()), se(resnet18().se_reduction(16));
  int64_t added = 0;
  for (const int64_t channels : {64, 128, 256, 512}) added += 2 * 2 * channels * channels / 16;
  EXPECT_EQ(count(*plain), 11689512);  // torchvision's
  EXPECT_EQ(count(*se), 11689512 + added);
  const auto names = se->named_parameters().keys();
  const auto at = std::find(names.begin(), names.end(), "layer2.0.se.fc.0.weight");
  ASSERT_TRUE(at != names.end());
  EXPECT_EQ(*(at - 1), "layer2.0.bn2.bias");
  EXPECT_EQ(*(at + 2), "layer2.0.downsample.0.weight");
  EXPECT_TRUE(se(randn({2, 3, 64, 64})).sizes() == IntArrayRef({2, 1000}));
}

TEST(ResNet, StartsFromTheNotesDistributions) {
  manual_seed(1);
  const ResNet net(resnet50().num_classes(2).groups(32).width_per_group(4));
  for (const auto& p : net->named_parameters()) {
    if (p->dim() == 4 && p->numel() > 20000) {
      const double variance = mean(square(p->detach())).item<double>();
      const double expected = 2.0 / static_cast<double>(p->size(0) * p->size(2) * p->size(3));
      EXPECT_NEAR(variance, expected, 0.06 * expected) << p.key();
    }
    if (p->dim() == 1 && p.key() != "fc.bias") {
      EXPECT_EQ(numbers(p->detach()), std::vector<double>(p->numel(), p.key().ends_with("weight") ? 1 : 0)) << p.key();
    }
  }
}

TEST(ResNet, OptionsAndInputsAreChecked) {
  EXPECT_THROW(ResNet(ResNetOptions(BlockKind::Basic, {1, 1, 1})), ValueError);
  EXPECT_THROW(ResNet(ResNetOptions(BlockKind::Basic, {1, 0, 1, 1})), ValueError);
  EXPECT_THROW(ResNet(small().num_classes(0)), ValueError);
  EXPECT_THROW(ResNet(small().groups(2)), ValueError);  // basic blocks have none
  EXPECT_THROW(ResNet(small().width_per_group(128)), ValueError);
  const ResNet net(small());
  EXPECT_THROW(net(randn({1, 4, 64, 64})), ShapeError);
  EXPECT_THROW(net(randn({3, 64, 64})), ShapeError);
}

TEST(FusedForward, GivesTheNumbersOfTheSequential) {
  manual_seed(2);
  const nn::Sequential layers(nn::BatchNorm2d(3), nn::ReLU(nn::ReLUOptions(true)), nn::Conv2d(3, 3, 1), nn::ReLU(),
                              nn::BatchNorm2d(3));
  layers->eval();  // the same running statistics for both
  const Tensor x = randn({2, 3, 5, 4});
  expect_close(numbers(fused_forward(*layers, x)), numbers(layers(x)), 1e-6, "fused");
  EXPECT_EQ(numbers(fused_forward(*nn::Sequential(), x)), numbers(x));
}

}  // namespace
}  // namespace tessera::models
