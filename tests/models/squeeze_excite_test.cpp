#include "models/squeeze_excite.h"

#include <gtest/gtest.h>

#include "core/gradcheck.h"
#include "tests/models/golden_network.h"
#include "tests/support/inputs.h"

namespace tessera::models {
namespace {

using testing_support::check_network;
using testing_support::golden_files;
using testing_support::hashed;
using testing_support::numbers;

TEST(SqueezeExcite, ReproducesPyTorchForwardAndBackward) {
  const auto files = golden_files("models", "se_block");
  if (files.empty()) GTEST_SKIP() << "no reference cases in " << TESSERA_SHARED_DIR;
  for (const std::string& file : files) {
    const SafeTensors golden = load_safetensors(file);
    const auto args = nlohmann::json::parse(golden.text("args"));
    for (const MemoryFormat format : {kContiguous, kChannelsLast})
      check_network(golden, SqueezeExcite(args["channel"].get<int64_t>(), args["reduction"].get<int64_t>()), format);
  }
}

TEST(SqueezeExcite, ScalesEachChannelByAFunctionOfTheMeans) {
  manual_seed(1);
  const SqueezeExcite block(5, 2);
  block->to(kFloat64);
  const Tensor x = hashed({2, 5, 3, 4}, 1);
  const std::vector<double> w1 = numbers(block->named_parameters()["fc.0.weight"]);
  const std::vector<double> w2 = numbers(block->named_parameters()["fc.2.weight"]);
  ASSERT_EQ(w1.size(), 10u);  // [5 / 2, 5]
  const std::vector<double> in = numbers(x), out = numbers(block(x));
  for (size_t n = 0; n < 2; ++n) {
    std::vector<double> mean(5), hidden(2);
    for (size_t i = 0; i < 60; ++i) mean[i / 12] += in[n * 60 + i] / 12;
    for (size_t h = 0; h < 2; ++h) {
      for (size_t c = 0; c < 5; ++c) hidden[h] += w1[h * 5 + c] * mean[c];
      hidden[h] = std::max(hidden[h], 0.0);
    }
    for (size_t i = 0; i < 60; ++i) {
      const double z = w2[i / 12 * 2] * hidden[0] + w2[i / 12 * 2 + 1] * hidden[1];
      EXPECT_LE(std::abs(out[n * 60 + i] - in[n * 60 + i] / (1 + std::exp(-z))), 1e-15);
    }
  }
}

TEST(SqueezeExcite, Gradcheck) {
  manual_seed(2);
  const SqueezeExcite block(4, 2);
  block->to(kFloat64);
  TensorList inputs = block->parameters();
  inputs.push_back(hashed({2, 4, 3, 2}, 2));
  gradcheck([&](const TensorList& in) { return block(in.back()); }, inputs);
}

TEST(SqueezeExcite, KeepsTheFormatAndRefusesWhatDoesNotFit) {
  const SqueezeExcite block(32);
  EXPECT_EQ(block->named_parameters().keys(), (std::vector<std::string>{"fc.0.weight", "fc.2.weight"}));
  EXPECT_TRUE(block(randn({2, 32, 3, 5}).contiguous(kChannelsLast)).is_contiguous(kChannelsLast));
  EXPECT_TRUE(block(randn({2, 32, 1, 1})).is_contiguous());
  EXPECT_THROW(SqueezeExcite(8), ValueError);  // 8 / 16 == 0
  EXPECT_THROW(SqueezeExcite(8, 0), ValueError);
  EXPECT_THROW(SqueezeExcite(0, 1), ValueError);
  EXPECT_THROW(block(randn({2, 16, 3, 5})), ShapeError);
  EXPECT_THROW(block(randn({32, 3, 5})), ShapeError);
}

}  // namespace
}  // namespace tessera::models
