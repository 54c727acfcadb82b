#include "models/unet.h"

#include <gtest/gtest.h>

#include <set>

#include "core/gradcheck.h"
#include "models/registry.h"
#include "nn/init.h"
#include "nn/serialize/state_dict.h"
#include "tests/models/golden_network.h"
#include "tests/models/network_checks.h"

namespace tessera::models {
namespace {

using testing_support::check_directional_derivative;
using testing_support::check_network;
using testing_support::check_training_helps;
using testing_support::golden_files;
using testing_support::hashed;
using testing_support::numbers;

TEST(UNet, ReproducesPyTorchForwardAndBackward) {
  const auto files = golden_files("models", "unet_");
  if (files.empty()) GTEST_SKIP() << "no reference cases in " << TESSERA_SHARED_DIR;
  for (const std::string& file : files) {
    SCOPED_TRACE(file);
    const SafeTensors golden = load_safetensors(file);
    const auto args = nlohmann::json::parse(golden.text("args"));
    for (const MemoryFormat format : {kContiguous, kChannelsLast}) {
      const UNet net(UNetOptions()
                         .in_channels(args["in_channels"])
                         .n_classes(args["n_classes"])
                         .feature_scale(args["feature_scale"])
                         .is_deconv(args["is_deconv"])
                         .is_batchnorm(args["is_batchnorm"]));
      check_network(golden, net, format);
    }
  }
}

TEST(UNet, SizesThat16DoesNotDivideArePaddedAndCutBack) {
  manual_seed(3);
  const UNet net(UNetOptions().feature_scale(16).n_classes(3));
  net->eval();
  const NoGradGuard no_grad;
  for (const auto& [height, width] : {std::pair<int64_t, int64_t>{1, 1}, {17, 32}, {31, 49}}) {
    const Tensor image = randn({2, 3, height, width});
    const Tensor scores = net(image);
    EXPECT_TRUE(scores.sizes() == IntArrayRef({2, 3, height, width})) << to_string(scores.sizes());
    EXPECT_TRUE(isfinite(scores).all().item<bool>());
    // The same as padding by hand.
    const Tensor padded = pad(image, {0, (16 - width % 16) % 16, 0, (16 - height % 16) % 16}, "replicate");
    EXPECT_EQ(numbers(scores), numbers(net(padded).narrow(2, 0, height).narrow(3, 0, width)));
  }
  EXPECT_THROW(net(randn({2, 4, 16, 16})), ShapeError);
  EXPECT_THROW(net(randn({3, 16, 16})), ShapeError);
}

TEST(UNet, StartsFromTheNotesDistributions) {
  manual_seed(4);
  const UNet net(UNetOptions().feature_scale(4));
  for (const auto& parameter : net->named_parameters()) {
    const std::vector<double> x = numbers(*parameter);
    double mean = 0, square = 0;
    for (double v : x) mean += v / static_cast<double>(x.size());
    for (double v : x) square += (v - mean) * (v - mean) / static_cast<double>(x.size());
    if (parameter->dim() == 4 && x.size() > 10000) {
      const double fan_in = static_cast<double>(parameter->numel() / parameter->size(0));
      EXPECT_NEAR(mean, 0, 0.05 * std::sqrt(2 / fan_in)) << parameter.key();
      EXPECT_NEAR(square, 2 / fan_in, 0.06 * 2 / fan_in) << parameter.key();
    }
    const bool of_norm = parameter.key().find(".1.") != std::string::npos && parameter.key().find(".up.") == std::string::npos;
    if (of_norm && parameter.key().ends_with("weight")) {
      EXPECT_NEAR(mean, 1, 0.02) << parameter.key();
      EXPECT_NEAR(std::sqrt(square), 0.02, 0.01) << parameter.key();
    }
    if (of_norm && parameter.key().ends_with("bias")) {
      EXPECT_EQ(square, 0) << parameter.key();
    }
  }
}

TEST(UNet, TheFormatOfTheInputIsKept) {
  const UNet net(UNetOptions().feature_scale(16));
  const NoGradGuard no_grad;
  EXPECT_TRUE(net(randn({1, 3, 32, 32}).contiguous(kChannelsLast)).is_contiguous(kChannelsLast));
  EXPECT_TRUE(net(randn({1, 3, 32, 32})).is_contiguous());
}

TEST(UNet, SqueezeAndExcitationStandsAfterEachTwoConvolutions) {
  const UNet plain(UNetOptions().feature_scale(16)), net(UNetOptions().feature_scale(16).se_reduction(2));
  std::vector<std::string> added;
  for (const std::string& name : net->named_parameters().keys())
    if (!plain->named_parameters().contains(name)) added.push_back(name);
  std::vector<std::string> expected;
  for (const std::string block :
       {"conv1", "conv2", "conv3", "conv4", "center", "up_concat4.conv", "up_concat3.conv", "up_concat2.conv", "up_concat1.conv"})
    for (const char* weight : {".se.fc.0.weight", ".se.fc.2.weight"}) expected.push_back(block + weight);
  EXPECT_EQ(added, expected);
  EXPECT_EQ(net->parameters().size(), plain->parameters().size() + added.size());
  // Where the excitation is sigmoid(0), each block's output is halved; the last block's, before the final convolution, shows it.
  manual_seed(1);
  const UNetConv2 block(3, 4, true), excited(3, 4, true, 2);
  nn::load_state_dict(*excited, nn::state_dict(*block), /*strict=*/false);
  nn::init::zeros_(excited->named_parameters()["se.fc.2.weight"]);
  const Tensor x = randn({2, 3, 4, 5});
  EXPECT_EQ(numbers(excited(x)), numbers(mul(block(x), 0.5)));
  EXPECT_THROW(UNet(UNetOptions().feature_scale(16).se_reduction(16)), ValueError);  // 4 / 16 == 0
  EXPECT_THROW(UNet(UNetOptions().se_reduction(-1)), ValueError);
}

TEST(UNet, AttentionWeighsTheLeftSide) {
  EXPECT_THROW(UNet(UNetOptions().attention("sum")), ValueError);
  for (const std::string attention : {"additive", "dot", "cosine"}) {
    manual_seed(2);
    const UNet net(UNetOptions().feature_scale(16).attention(attention));
    for (const char* up : {"up_concat4", "up_concat3", "up_concat2", "up_concat1"}) {
      EXPECT_TRUE(net->named_parameters().contains(std::string(up) + ".gate.attention.q_proj.weight"));
      EXPECT_EQ(net->named_parameters().contains(std::string(up) + ".gate.attention.v"), attention == "additive");
    }
    // A gate that is shut (alpha = sigmoid(-1e4) = 0) hides the left side; open, it lets it pass.
    const UNetUp up(UNetUpOptions(6, 3, 3).attention(attention)), plain(UNetUpOptions(6, 3, 3));
    nn::load_state_dict(*plain, nn::state_dict(*up), /*strict=*/false);
    const Tensor deep = randn({2, 6, 3, 2}), shallow = randn({2, 3, 6, 4});
    nn::init::constant_(up->named_parameters()["gate.bias"], -1e4);
    EXPECT_EQ(numbers(up(deep, shallow)), numbers(plain(deep, zeros_like(shallow))));
    nn::init::constant_(up->named_parameters()["gate.bias"], 1e4);
    EXPECT_EQ(numbers(up(deep, shallow)), numbers(plain(deep, shallow)));
  }
}

TEST(UNet, GradientsOfAllParametersAgreeWithDifferences) {
  for (const std::string attention : {"none", "additive", "dot", "cosine"})
    for (const bool is_deconv : {false, true}) {
      SCOPED_TRACE(attention);
      manual_seed(3);
      const UNet net(UNetOptions().feature_scale(32).is_deconv(is_deconv).se_reduction(is_deconv ? 2 : 0).attention(attention));
      check_directional_derivative(net, hashed({2, 3, 20, 17}, 1).detach());
      for (const auto& parameter : net->named_parameters()) EXPECT_TRUE(parameter->grad().defined()) << parameter.key();
    }
}

TEST(UNet, GradcheckOfABlockWithAllSwitches) {
  manual_seed(4);
  const UNetUp up(UNetUpOptions(3, 2, 2).is_batchnorm(true).se_reduction(1).attention("additive"));
  up->to(kFloat64);
  TensorList inputs = {hashed({2, 3, 2, 3}, 1), hashed({2, 2, 4, 6}, 2)};
  for (const Tensor& parameter : up->parameters()) inputs.push_back(parameter);
  gradcheck([&](const TensorList& in) { return up(in[0], in[1]); }, inputs);
}

TEST(UNet, TheSameSeedGivesTheSameNetworkAndGradients) {
  const auto run = [] {
    manual_seed(5);
    const UNet net(UNetOptions().feature_scale(16).se_reduction(2).attention("additive"));
    const Tensor out = net(hashed({1, 3, 17, 32}, 1).detach().to(kFloat32));
    out.backward(hashed(out.sizes(), 2).detach().to(kFloat32));
    std::vector<double> all = numbers(out);
    for (const Tensor& parameter : net->parameters())
      for (double g : numbers(parameter.grad())) all.push_back(g);
    return all;
  };
  EXPECT_EQ(run(), run());
}

TEST(UNet, TrainingHelps) {
  manual_seed(6);
  check_training_helps(UNet(UNetOptions().feature_scale(16).se_reduction(2).attention("additive")), 32, 0.8);
}

TEST(UNet, WidthsMayBeRounded) {
  const UNet net(UNetOptions().feature_scale(3));  // 21, 42, 85, 170, 341
  net->eval();
  const NoGradGuard no_grad;
  EXPECT_TRUE(net(randn({1, 3, 16, 16})).sizes() == IntArrayRef({1, 2, 16, 16}));
}

TEST(Registry, MakesNetworksByName) {
  ASSERT_FALSE(list_models().empty());
  for (const ModelInfo& info : list_models()) {
    EXPECT_FALSE(info.help.empty());
    std::set<std::string> settings;
    for (const ModelSetting& setting : info.settings) EXPECT_TRUE(settings.insert(setting.name).second) << setting.name;
  }
  const nn::AnyModule net = make_model("unet", {.num_classes = 5, .settings = {{"feature_scale", "16"}, {"is_deconv", "true"}}});
  const NoGradGuard no_grad;
  EXPECT_EQ(net.forward(randn({1, 3, 32, 32})).size(1), 5);
  EXPECT_TRUE(net.ptr()->named_parameters().contains("up_concat4.up.weight"));
  EXPECT_THROW(make_model("vnet"), ValueError);
  EXPECT_THROW(make_model("unet", {.num_classes = 0}), ValueError);
  EXPECT_THROW(make_model("unet", {.settings = {{"depth", "4"}}}), ValueError);
  EXPECT_THROW(make_model("unet", {.settings = {{"feature_scale", "4x"}}}), ValueError);
  EXPECT_THROW(make_model("unet", {.settings = {{"feature_scale", "100"}}}), ValueError);
  EXPECT_THROW(make_model("unet", {.settings = {{"is_deconv", "maybe"}}}), ValueError);
}

TEST(Registry, WeightsTravelThroughAFile) {
  manual_seed(5);
  const nn::AnyModule a = make_model("unet", {.settings = {{"feature_scale", "16"}}});
  const nn::AnyModule b = make_model("unet", {.settings = {{"feature_scale", "16"}}});
  const std::string file = testing::TempDir() + "unet_weights.safetensors";
  save_safetensors(file, {nn::state_dict(*a.ptr()), {}});
  nn::load_state_dict(*b.ptr(), load_safetensors(file).tensors);
  std::filesystem::remove(file);
  a.ptr()->eval();
  b.ptr()->eval();
  const NoGradGuard no_grad;
  const Tensor image = randn({1, 3, 16, 16});
  EXPECT_EQ(numbers(a.forward(image)), numbers(b.forward(image)));
}

}  // namespace
}  // namespace tessera::models
