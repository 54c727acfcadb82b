#include "models/attention_gate.h"

#include <gtest/gtest.h>

#include "core/gradcheck.h"
#include "core/ops.h"
#include "nn/init.h"
#include "tests/support/inputs.h"
#include "tests/support/numbers.h"

namespace tessera::models {
namespace {

using testing_support::difference;
using testing_support::hashed;
using testing_support::numbers;

constexpr int64_t kGating = 3, kChannels = 4, kHidden = 2;

AttentionGate make_gate(const std::string& similarity) {
  AttentionGate gate(kGating, kChannels, similarity);
  gate->to(kFloat64);
  for (const Tensor& parameter : gate->parameters()) nn::init::uniform_(parameter, -1, 1);
  return gate;
}

TEST(AttentionGate, WeighsEachPixelByItsOwnSimilarity) {
  manual_seed(1);
  const Tensor g = hashed({2, kGating, 2, 5}, 1), x = hashed({2, kChannels, 2, 5}, 2);
  for (const std::string similarity : {"additive", "dot", "cosine"}) {
    SCOPED_TRACE(similarity);
    const AttentionGate gate = make_gate(similarity);
    const auto parameters = gate->named_parameters();
    const auto weight_g = numbers(parameters["attention.q_proj.weight"]), bias_g = numbers(parameters["attention.q_proj.bias"]);
    const auto weight_x = numbers(parameters["attention.k_proj.weight"]);
    const auto v = similarity == "additive" ? numbers(parameters["attention.v"]) : std::vector<double>(kHidden);
    const double a = parameters["weight"].item<double>(), b = parameters["bias"].item<double>();
    const auto in_g = numbers(g), in_x = numbers(x), alpha = numbers(gate->weights(g, x)), out = numbers(gate(g, x));
    ASSERT_EQ(alpha.size(), 20u);
    for (size_t n = 0; n < 2; ++n)
      for (size_t i = 0; i < 10; ++i) {
        double dot = 0, qq = 0, kk = 0, additive = 0;
        for (size_t d = 0; d < kHidden; ++d) {
          double q = bias_g[d], k = 0;
          for (size_t c = 0; c < kGating; ++c) q += weight_g[d * kGating + c] * in_g[(n * kGating + c) * 10 + i];
          for (size_t c = 0; c < kChannels; ++c) k += weight_x[d * kChannels + c] * in_x[(n * kChannels + c) * 10 + i];
          dot += q * k, qq += q * q, kk += k * k, additive += v[d] * std::tanh(q + k);
        }
        const double s = similarity == "additive" ? additive : dot / (similarity == "dot" ? std::sqrt(2.0) : std::sqrt(qq * kk));
        const double expected = 1 / (1 + std::exp(-(a * s + b)));
        EXPECT_LE(std::abs(alpha[n * 10 + i] - expected), 1e-14);
        for (size_t c = 0; c < kChannels; ++c) {
          const size_t at = (n * kChannels + c) * 10 + i;
          EXPECT_LE(std::abs(out[at] - expected * in_x[at]), 1e-14);
        }
      }
  }
}

TEST(AttentionGate, IsAttentionBetweenThePixelAndZero) {
  manual_seed(2);
  const AttentionGate gate = make_gate("dot");
  const Tensor g = hashed({1, kGating, 1, 1}, 1), x = hashed({1, kChannels, 1, 1}, 2);
  const Tensor alpha = gate->weights(g, x).flatten();
  const Tensor score = log(div(alpha, sub(ones({1}, kFloat64), alpha)));
  const Tensor weights = softmax(cat({score, zeros({1}, kFloat64)}), 0);
  const Tensor values = cat({x.reshape({1, kChannels}), zeros({1, kChannels}, kFloat64)});
  EXPECT_LE(difference(matmul(weights, values), gate(g, x).flatten()), 1e-15);
}

TEST(AttentionGate, GradcheckInInputsAndParameters) {
  manual_seed(3);
  for (const std::string similarity : {"additive", "dot", "cosine"}) {
    SCOPED_TRACE(similarity);
    const AttentionGate gate = make_gate(similarity);
    TensorList inputs = {hashed({2, kGating, 2, 3}, 1), hashed({2, kChannels, 2, 3}, 2)};
    for (const Tensor& parameter : gate->parameters()) inputs.push_back(parameter);
    gradcheck([&](const TensorList& in) { return gate(in[0], in[1]); }, inputs);
  }
}

TEST(AttentionGate, KeepsTheFormatAndRefusesWhatDoesNotFit) {
  const AttentionGate gate(3, 8, "additive");
  EXPECT_EQ(gate->named_parameters().keys(), (std::vector<std::string>{"weight", "bias", "attention.v", "attention.q_proj.weight",
                                                                       "attention.q_proj.bias", "attention.k_proj.weight"}));
  EXPECT_TRUE(gate->named_parameters()["attention.k_proj.weight"].sizes() == IntArrayRef({4, 8}));
  const Tensor g = randn({2, 3, 4, 6}), x = randn({2, 8, 4, 6});
  const Tensor out = gate(g, x), last = gate(g.contiguous(kChannelsLast), x.contiguous(kChannelsLast));
  EXPECT_TRUE(out.is_contiguous());
  EXPECT_TRUE(last.is_contiguous(kChannelsLast));
  EXPECT_LE(difference(out, last), 1e-6);
  EXPECT_THROW(gate(g, randn({2, 8, 4, 5})), ShapeError);
  EXPECT_THROW(gate(g, randn({2, 7, 4, 6})), ShapeError);
  EXPECT_THROW(gate(g, randn({8, 4, 6})), ShapeError);
  EXPECT_THROW(AttentionGate(3, 8, "none"), ValueError);
  EXPECT_THROW(AttentionGate(0, 8, "dot"), ValueError);
}

}  // namespace
}  // namespace tessera::models
