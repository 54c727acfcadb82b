#include "tools/layer_summary.h"

#include <gtest/gtest.h>

#include "core/ops.h"
#include "nn/nn.h"

namespace tessera::tools {
namespace {

constexpr int64_t kFloat = 4;  // bytes

const LayerRow& row(const LayerSummary& summary, const std::string& name) {
  for (const LayerRow& r : summary.rows)
    if (r.name == name) return r;
  throw std::runtime_error("no row " + name);
}

TEST(LayerSummary, CountsByHand) {
  const nn::Sequential network(nn::Conv2d(nn::Conv2dOptions(3, 8, 3).stride(2).padding(1)), nn::ReLU(),
                               nn::ConvTranspose2d(nn::ConvTranspose2dOptions(8, 4, 2).stride(2)), nn::Flatten(),
                               nn::Linear(4 * 8 * 6, 5));
  const LayerSummary summary = summarize(network, randn({2, 3, 8, 6}));
  ASSERT_EQ(summary.rows.size(), 5u);

  const LayerRow& conv = row(summary, "0");
  EXPECT_EQ(conv.type, "Conv2d");
  EXPECT_EQ(IntArrayRef(conv.output), IntArrayRef({2, 8, 4, 3}));
  EXPECT_EQ(conv.parameters, 8 * 3 * 9 + 8);
  EXPECT_EQ(conv.multiply_adds, 2 * 8 * 4 * 3 * 27);         // 27 for each output element
  EXPECT_EQ(conv.output_bytes, 2 * 8 * 4 * 3 * kFloat);
  EXPECT_EQ(conv.saved_bytes, 2 * 3 * 8 * 6 * kFloat);       // its input; the weight is a parameter

  const LayerRow& relu = row(summary, "1");
  EXPECT_EQ(relu.saved_bytes, 2 * 8 * 4 * 3 * kFloat);       // its output, which the next layer saves as well

  const LayerRow& up = row(summary, "2");
  EXPECT_EQ(IntArrayRef(up.output), IntArrayRef({2, 4, 8, 6}));
  EXPECT_EQ(up.multiply_adds, 2 * 8 * 4 * 3 * (4 * 2 * 2));  // each input element meets 4 x 2 x 2 weights
  EXPECT_EQ(up.saved_bytes, 0);

  const LayerRow& linear = row(summary, "4");
  EXPECT_EQ(linear.multiply_adds, 2 * 5 * 4 * 8 * 6);
  EXPECT_EQ(linear.parameters, 5 * 4 * 8 * 6 + 5);
  EXPECT_EQ(linear.saved_bytes, 2 * 4 * 8 * 6 * kFloat);

  EXPECT_EQ(summary.parameters, conv.parameters + up.parameters + linear.parameters);
  EXPECT_EQ(summary.parameter_bytes, summary.parameters * kFloat);
  EXPECT_EQ(summary.input_bytes, 2 * 3 * 8 * 6 * kFloat);
  EXPECT_TRUE(summary.idle.empty());
  EXPECT_GE(summary.peak_training_bytes, summary.peak_inference_bytes);
  EXPECT_GE(summary.peak_inference_bytes, conv.output_bytes);
}

// Uses one of its two layers, twice.
struct TwiceImpl : nn::Module {
  TwiceImpl() {
    used = register_module("used", nn::Linear(3, 3));
    spare = register_module("spare", nn::Linear(3, 7));
  }
  Tensor forward(const Tensor& x) { return add(used(used(x)), x); }
  nn::Linear used = nullptr, spare = nullptr;
};
TESSERA_MODULE(Twice);

TEST(LayerSummary, SharedAndUnusedLayersAndTheOpsBetween) {
  const LayerSummary summary = summarize(Twice(), randn({4, 3}));
  ASSERT_EQ(summary.rows.size(), 2u);  // two calls of one layer in a row are one run of ops under its name
  EXPECT_EQ(summary.rows[0].name, "used");
  EXPECT_EQ(summary.rows[0].parameters, 12);
  EXPECT_EQ(summary.rows[0].multiply_adds, 2 * 4 * 3 * 3);
  EXPECT_EQ(summary.rows[1].name, "");
  EXPECT_EQ(summary.rows[1].type, "add");
  ASSERT_EQ(summary.idle.size(), 1u);
  EXPECT_EQ(summary.idle[0].name, "spare");
  EXPECT_EQ(summary.idle[0].parameters, 28);
  EXPECT_EQ(summary.parameters, 40);
  EXPECT_NE(format_summary(summary).find("spare (Linear) has 28 parameters"), std::string::npos);
}

TEST(LayerSummary, DepthAddsUp) {
  const nn::Sequential network(nn::Sequential(nn::Linear(3, 4), nn::Linear(4, 2)), nn::Linear(2, 2));
  const LayerSummary summary = summarize(network, randn({1, 3}));
  EXPECT_EQ(summary.rows.size(), 3u);
  const std::string text = format_summary(summary, /*depth=*/1);
  EXPECT_NE(text.find("\n0 "), std::string::npos) << text;
  EXPECT_EQ(text.find("0.1"), std::string::npos) << text;
  EXPECT_NE(text.find("           26 "), std::string::npos) << text;  // 3 * 4 + 4 + 4 * 2 + 2 parameters in one row
}

}  // namespace
}  // namespace tessera::tools
