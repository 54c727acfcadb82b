#include "models/unet_resnet.h"

#include <gtest/gtest.h>

#include "core/gradcheck.h"
#include "models/padding.h"
#include "models/registry.h"
#include "nn/serialize/state_dict.h"
#include "tests/models/network_checks.h"

namespace tessera::models {
namespace {

using testing_support::check_directional_derivative;
using testing_support::check_training_helps;
using testing_support::hashed;
using testing_support::numbers;

// The smallest ResNet that there is: one basic block a layer.
UNetResNetOptions small() {
  return UNetResNetOptions(ResNetOptions(BlockKind::Basic, {1, 1, 1, 1}).num_classes(1)).decoder_channels({16, 8, 8, 4, 4});
}

int64_t count(const nn::Module& module) {
  int64_t total = 0;
  for (const Tensor& parameter : module.parameters()) total += parameter.numel();
  return total;
}

TEST(UNetResNet, HasTheEncodersNamesBehindAPrefix) {
  const UNetResNet net(resnet18());
  const ResNet encoder(resnet18());
  encoder->unregister_module("fc");
  const auto names = net->named_parameters().keys(), of_encoder = encoder->named_parameters().keys();
  for (size_t i = 0; i < of_encoder.size(); ++i) EXPECT_EQ(names[i], "encoder." + of_encoder[i]);
  EXPECT_EQ(names[of_encoder.size()], "up_concat4.conv.conv1.0.weight");
  EXPECT_EQ(names.back(), "final.bias");
  const auto parameters = net->named_parameters();
  EXPECT_TRUE(parameters["up_concat4.up.1.weight"].sizes() == IntArrayRef({256, 512, 1, 1}));
  EXPECT_TRUE(parameters["up_concat4.conv.conv1.0.weight"].sizes() == IntArrayRef({256, 256 + 256, 3, 3}));
  EXPECT_TRUE(parameters["up_concat1.conv.conv1.0.weight"].sizes() == IntArrayRef({32, 32 + 64, 3, 3}));
  EXPECT_TRUE(parameters["up_full.conv.conv1.0.weight"].sizes() == IntArrayRef({16, 16, 3, 3}));
  // torchvision's ResNet-18; each step's in out + out + 9 (out + skip) out + 3 out + 9 out^2 + 3 out; 2 (16 + 1) at the end.
  EXPECT_EQ(count(*encoder), 11689512 - 513000);  // without fc, 512 x 1000 + 1000
  EXPECT_EQ(count(*net), 11689512 - 513000 + 2542002);
}

TEST(UNetResNet, SwitchesAddTheirParameters) {
  const UNetResNet net(small().is_deconv(true).se_reduction(2).attention("cosine"));
  const auto parameters = net->named_parameters();
  EXPECT_TRUE(parameters["up_concat4.up.weight"].sizes() == IntArrayRef({512, 16, 2, 2}));
  EXPECT_TRUE(parameters["up_concat4.conv.se.fc.0.weight"].sizes() == IntArrayRef({8, 16}));
  EXPECT_TRUE(parameters["up_concat4.gate.attention.q_proj.weight"].sizes() == IntArrayRef({128, 16}));
  EXPECT_TRUE(parameters["up_concat4.gate.attention.k_proj.weight"].sizes() == IntArrayRef({128, 256}));
  EXPECT_TRUE(parameters.contains("up_full.conv.se.fc.2.weight"));
  EXPECT_FALSE(parameters.contains("up_full.gate.weight"));  // nothing to weigh at full size
  EXPECT_FALSE(parameters.contains("encoder.layer1.0.se.fc.0.weight"));
}

TEST(UNetResNet, AnySizeIsPaddedAndCutBack) {
  manual_seed(1);
  const UNetResNet net(small().n_classes(3));
  net->eval();
  const NoGradGuard no_grad;
  for (const auto& [height, width] : {std::pair<int64_t, int64_t>{1, 1}, {32, 64}, {33, 47}}) {
    const Tensor image = randn({2, 3, height, width});
    const Tensor scores = net(image);
    ASSERT_TRUE(scores.sizes() == IntArrayRef({2, 3, height, width})) << to_string(scores.sizes());
    EXPECT_EQ(numbers(scores), numbers(crop_to(net(pad_to_multiple(image, 32)), height, width)));
  }
  EXPECT_TRUE(net(randn({1, 3, 32, 32}).contiguous(kChannelsLast)).is_contiguous(kChannelsLast));
  EXPECT_THROW(net(randn({1, 4, 32, 32})), ShapeError);
  EXPECT_THROW(net(randn({3, 32, 32})), ShapeError);
}

TEST(UNetResNet, GradientsOfAllParametersAgreeWithDifferences) {
  for (const bool switches : {false, true}) {
    manual_seed(2);
    const UNetResNet net(switches ? small().is_deconv(true).se_reduction(2).attention("additive") : small());
    check_directional_derivative(net, hashed({2, 3, 40, 33}, 1).detach());
    for (const auto& parameter : net->named_parameters()) EXPECT_TRUE(parameter->grad().defined()) << parameter.key();
  }
}

TEST(UNetResNet, TrainingHelps) {
  manual_seed(3);
  check_training_helps(UNetResNet(small()), 32, 0.8);
}

TEST(UNetResNet, Errors) {
  EXPECT_THROW(UNetResNet(small().decoder_channels({16, 8, 8, 4})), ValueError);
  EXPECT_THROW(UNetResNet(small().decoder_channels({16, 8, 8, 4, 0})), ValueError);
  EXPECT_THROW(UNetResNet(small().attention("sum")), ValueError);
  EXPECT_THROW(UNetResNet(small().se_reduction(16)), ValueError);
}

TEST(UNetResNet, TheRegistryMakesItAndTorchvisionsWeightsFit) {
  const nn::AnyModule net =
      make_model("unet_resnet18",
                 {.num_classes = 5, .settings = {{"attention", "dot"}, {"is_deconv", "true"}, {"decoder_se_reduction", "4"}}});
  const auto names = net.ptr()->named_parameters();
  EXPECT_TRUE(names["final.weight"].sizes() == IntArrayRef({5, 16, 1, 1}));
  EXPECT_TRUE(names.contains("up_concat4.gate.weight"));
  EXPECT_TRUE(names.contains("up_concat4.conv.se.fc.0.weight"));
  EXPECT_FALSE(names.contains("encoder.layer1.0.se.fc.0.weight"));  // that is se_reduction's
  const ResNet classifier(resnet18().num_classes(5));
  const NamedTensors renamed = rename_backbone("unet_resnet18", nn::state_dict(*classifier));
  const NamedTensors own = nn::state_dict(*net.ptr());
  for (size_t i = 0; i + 2 < renamed.size(); ++i) EXPECT_EQ(renamed[i].first, own[i].first);
  EXPECT_EQ(renamed.back().first, "fc.bias") << "which the network leaves out";
  EXPECT_EQ(rename_backbone("unet_resnet18", own).back().first, own.back().first);
}

}  // namespace
}  // namespace tessera::models
