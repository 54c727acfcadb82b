#include "models/unet.h"

#include <gtest/gtest.h>

#include "models/registry.h"
#include "nn/serialize/state_dict.h"
#include "tests/models/golden_network.h"

namespace tessera::models {
namespace {

using testing_support::check_network;
using testing_support::golden_files;
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

TEST(Registry, MakesNetworksByName) {
  ASSERT_FALSE(list_models().empty());
  for (const ModelInfo& info : list_models()) EXPECT_FALSE(info.help.empty());
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
