#include "models/registry.h"

#include <gtest/gtest.h>

#include <set>

#include "core/ops.h"
#include "models/fcn_vgg.h"
#include "models/resnet.h"
#include "nn/serialize/state_dict.h"
#include "tests/support/numbers.h"

namespace tessera::models {
namespace {

using testing_support::numbers;

TEST(ModelRegistry, EveryRowIsComplete) {
  std::set<std::string> names;
  for (const ModelInfo& info : list_models()) {
    EXPECT_TRUE(names.insert(info.name).second) << info.name << " twice";
    EXPECT_FALSE(info.help.empty()) << info.name;
    EXPECT_EQ(info.help.find('\n'), std::string::npos) << info.name;
    std::set<std::string> settings;
    for (const ModelSetting& s : info.settings) EXPECT_TRUE(settings.insert(s.name).second) << info.name << ": " << s.name;
    EXPECT_EQ(&model_info(info.name), &model_info(info.name));
  }
  for (const char* name : {"unet", "fcn_vgg16", "fcn8s_vgg16", "fcn16s_vgg16", "fcn32s_vgg16", "fcn_resnet18", "resnet152",
                           "resnext101_32x8d", "wide_resnet101_2", "se_resnet50", "vgg11", "vgg19_bn"})
    EXPECT_TRUE(names.contains(name)) << name;
}

// All dense networks give a score for each pixel of an image of odd size, all others one for the image.
TEST(ModelRegistry, KindsSayWhatComesOut) {
  const NoGradGuard no_grad;
  for (const char* name : {"unet", "fcn_vgg16", "fcn_resnet34", "unet_resnet18", "resnet18", "se_resnet18"}) {
    const nn::AnyModule net = make_model(name, {.in_channels = 1, .num_classes = 3});
    net.ptr()->eval();
    const Tensor out = net.forward(randn({1, 1, 37, 50}));
    const bool dense = model_info(name).kind == OutputKind::PixelScores;
    EXPECT_TRUE(out.sizes() == (dense ? IntArrayRef({1, 3, 37, 50}) : IntArrayRef({1, 3}))) << name << to_string(out.sizes());
  }
}

TEST(ModelRegistry, SettingsReachTheNetwork) {
  const auto net =
      make_model("resnet18", {.num_classes = 4, .settings = {{"deep_base", "true"}, {"stem_width", "8"}, {"features", "1"}}});
  EXPECT_TRUE(net.ptr()->named_parameters()["conv1.6.weight"].sizes() == IntArrayRef({16, 8, 3, 3}));
  const NoGradGuard no_grad;
  EXPECT_EQ(net.forward(randn({2, 3, 32, 32})).size(1), 512);
  const auto wide = make_model("resnet50", {.settings = {{"width_per_group", "128"}}});
  EXPECT_TRUE(wide.ptr()->named_parameters()["layer1.0.conv1.weight"].sizes() == IntArrayRef({128, 64, 1, 1}));
  EXPECT_EQ(make_model("wide_resnet50_2").ptr()->parameters().size(), wide.ptr()->parameters().size());
  EXPECT_THROW(make_model("resnet18", {.settings = {{"groups", "2"}}}), ValueError);
  EXPECT_THROW(make_model("vgg11", {.settings = {{"dropout", "half"}}}), ValueError);
  EXPECT_THROW(make_model("resnet19"), ValueError);
  EXPECT_THROW(model_info("resnet19"), ValueError);
}

// The weights of a classifier fill the backbone of each network that is built on it, by name.
TEST(ModelRegistry, ABackboneFillsANetwork) {
  const ResNet resnet(resnet18());
  const NamedTensors weights = nn::state_dict(*resnet);
  for (const char* name : {"fcn_resnet18", "unet_resnet18", "resnet18"}) {
    const nn::AnyModule net = make_model(name);
    std::set<std::string> known;
    for (const auto& [key, tensor] : nn::state_dict(*net.ptr())) known.insert(key);
    size_t missed = 0;
    for (const auto& [key, tensor] : rename_backbone(name, weights)) missed += !known.contains(key);
    EXPECT_EQ(missed, known.contains("fc.weight") || known.contains("encoder.fc.weight") ? 0u : 2u) << name;
  }
  const NamedTensors renamed = rename_backbone("fcn_resnet18", weights);
  EXPECT_EQ(renamed.front().first, "0.weight");
  EXPECT_EQ(renamed.back().first, "fc.bias") << "what is no part of the backbone keeps its name";
  const nn::AnyModule fcn = make_model("fcn_resnet18");
  nn::load_state_dict(*fcn.ptr(), rename_backbone("fcn_resnet18", weights), /*strict=*/false);
  EXPECT_EQ(numbers(fcn.ptr()->named_parameters()["7.1.conv2.weight"].detach()),
            numbers(resnet->named_parameters()["layer4.1.conv2.weight"].detach()));
  // The network's own names pass through.
  const NamedTensors own = nn::state_dict(*fcn.ptr());
  const NamedTensors same = rename_backbone("fcn_resnet18", own);
  for (size_t i = 0; i < own.size(); ++i) EXPECT_EQ(same[i].first, own[i].first);
}

TEST(ModelRegistry, VGGFillsTheFCNsOnIt) {
  EXPECT_EQ(fcn_vgg16_name("features.6.weight"), "stage1.6.weight");
  EXPECT_EQ(fcn_vgg16_name("features.7.weight"), "stage2.7.weight");
  EXPECT_EQ(fcn_vgg16_name("features.41.running_mean"), "stage5.41.running_mean");
  for (const char* name : {"features.44.weight", "features.x.weight", "features.3", "classifier.0.weight", "stage1.0.weight"})
    EXPECT_EQ(fcn_vgg16_name(name), name);
  const NamedTensors weights = {{"features.0.weight", zeros({64, 3, 3, 3})},
                                {"classifier.0.weight", zeros({4096, 25088})},
                                {"classifier.3.bias", zeros({4096})},
                                {"classifier.6.weight", zeros({1000, 4096})}};
  const NamedTensors renamed = rename_backbone("fcn8s_vgg16", weights);
  EXPECT_EQ(renamed[0].first, "features.0.weight");
  EXPECT_EQ(renamed[1].first, "fc6.weight");
  EXPECT_TRUE(renamed[1].second.sizes() == IntArrayRef({4096, 512, 7, 7}));
  EXPECT_EQ(renamed[2].first, "fc7.bias");
  EXPECT_EQ(renamed[3].first, "classifier.6.weight");
}

}  // namespace
}  // namespace tessera::models
