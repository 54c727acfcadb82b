#include "nn/layers/attention.h"

#include <gtest/gtest.h>

#include "core/gradcheck.h"
#include "core/ops.h"
#include "nn/init.h"
#include "tests/support/golden.h"
#include "tests/support/inputs.h"

namespace tessera::nn {
namespace {

using namespace testing_support;

const std::vector<std::string> kSimilarities = {"dot", "cosine", "additive"};

// A matrix as plain numbers, for computations by loops.
struct Matrix {
  int64_t rows, columns;
  std::vector<double> values;
  Matrix(int64_t rows, int64_t columns) : rows(rows), columns(columns), values(static_cast<size_t>(rows * columns)) {}
  explicit Matrix(const Tensor& x) : rows(x.size(0)), columns(x.dim() > 1 ? x.size(1) : 1), values(numbers(x)) {}
  double& at(int64_t i, int64_t j) { return values[static_cast<size_t>(i * columns + j)]; }
  double at(int64_t i, int64_t j) const { return values[static_cast<size_t>(i * columns + j)]; }
};

// x weight^T + bias
Matrix projected(const Matrix& x, const Matrix& weight, const std::vector<double>& bias = {}) {
  Matrix out(x.rows, weight.rows);
  for (int64_t i = 0; i < out.rows; ++i)
    for (int64_t j = 0; j < out.columns; ++j) {
      out.at(i, j) = bias.empty() ? 0 : bias[static_cast<size_t>(j)];
      for (int64_t d = 0; d < x.columns; ++d) out.at(i, j) += x.at(i, d) * weight.at(j, d);
    }
  return out;
}

double score(const std::string& similarity, bool scaled, const Matrix& q, int64_t i, const Matrix& k, int64_t j,
             const std::vector<double>& v) {
  double dot = 0, qq = 0, kk = 0, additive = 0;
  for (int64_t d = 0; d < q.columns; ++d) {
    dot += q.at(i, d) * k.at(j, d);
    qq += q.at(i, d) * q.at(i, d);
    kk += k.at(j, d) * k.at(j, d);
    if (!v.empty()) additive += v[static_cast<size_t>(d)] * std::tanh(q.at(i, d) + k.at(j, d));
  }
  if (similarity == "dot") return scaled ? dot / std::sqrt(static_cast<double>(q.columns)) : dot;
  return similarity == "cosine" ? dot / std::sqrt(qq * kk) : additive;
}

// The three phases by loops: {output, weights}.
std::pair<Matrix, Matrix> attend(const std::string& similarity, bool scaled, const Matrix& q, const Matrix& k,
                                 const Matrix& value, const std::vector<double>& v) {
  Matrix out(q.rows, value.columns), weights(q.rows, k.rows);
  for (int64_t i = 0; i < q.rows; ++i) {
    double total = 0;
    for (int64_t j = 0; j < k.rows; ++j) total += weights.at(i, j) = std::exp(score(similarity, scaled, q, i, k, j, v));
    for (int64_t j = 0; j < k.rows; ++j) {
      weights.at(i, j) /= total;
      for (int64_t e = 0; e < value.columns; ++e) out.at(i, e) += weights.at(i, j) * value.at(j, e);
    }
  }
  return {out, weights};
}

TEST(Attention, ReproducesTheReferenceCasesOfTheOp) {
  const auto files = golden_files("ops", "attention-");
  if (files.empty()) GTEST_SKIP() << "no reference cases in " << TESSERA_SHARED_DIR;
  for (const std::string& file : files) {
    SCOPED_TRACE(file);
    const SafeTensors golden = load_safetensors(file);
    const std::string similarity = nlohmann::json::parse(golden.text("args"))["similarity"];
    const auto leaf = [&](const char* name) { return golden.at(name).detach().clone().requires_grad_(); };
    const Tensor q = leaf("query"), k = leaf("key"), value = leaf("value");
    const Attention layer(AttentionOptions(q.size(-1)).similarity(similarity));
    EXPECT_TRUE(layer->parameters().empty());
    const Tensor out = layer(q, k, value);
    EXPECT_EQ(numbers(out), numbers(attention(q, k, value, similarity)));  // the op, bit for bit
    expect_close(numbers(out), numbers(golden.at("out")), 1e-9, "out");
    out.backward(golden.at("grad_out"));
    expect_close(numbers(q.grad()), numbers(golden.at("grad.query")), 1e-9, "query");
    expect_close(numbers(k.grad()), numbers(golden.at("grad.key")), 1e-9, "key");
    expect_close(numbers(value.grad()), numbers(golden.at("grad.value")), 1e-9, "value");
  }
}

TEST(Attention, IsWhatTheThreePhasesSay) {
  manual_seed(1);
  for (const std::string& similarity : kSimilarities)
    for (const bool scaled : {true, false})
      for (const bool project : {true, false}) {
        SCOPED_TRACE(similarity);
        AttentionOptions options = AttentionOptions(4).similarity(similarity).scaled(scaled);
        if (project) options.hidden_dim(6).key_dim(3).bias(true);
        const Attention layer(options);
        layer->to(kFloat64);
        const int64_t key_dim = project ? 3 : 4;
        const Tensor query = hashed({2, 3, 4}, 1), key = hashed({2, 5, key_dim}, 2), value = hashed({2, 5, 2}, 3);
        const auto [out, weights] = layer->forward_with_weights(query, key, value);
        ASSERT_TRUE(out.sizes() == IntArrayRef({2, 3, 2}) && weights.sizes() == IntArrayRef({2, 3, 5}));
        for (int64_t n = 0; n < 2; ++n) {
          Matrix q(query.select(0, n)), k(key.select(0, n));
          if (layer->q_proj) {
            q = projected(q, Matrix(layer->q_proj->weight), project ? numbers(layer->q_proj->bias) : std::vector<double>{});
            k = projected(k, Matrix(layer->k_proj->weight));
          }
          const auto v = layer->v.defined() ? numbers(layer->v) : std::vector<double>{};
          const auto [expected, expected_weights] = attend(similarity, scaled, q, k, Matrix(value.select(0, n)), v);
          expect_near(out.select(0, n), expected.values, 1e-14);
          expect_near(weights.select(0, n), expected_weights.values, 1e-14);
        }
        // Pairs are the diagonal of all.
        const Tensor first_keys = key.narrow(1, 0, 3);
        const Tensor all = layer->similarity(query, first_keys), paired = layer->paired_similarity(query, first_keys);
        ASSERT_TRUE(paired.sizes() == IntArrayRef({2, 3}));
        for (int64_t i = 0; i < 3; ++i) EXPECT_LE(difference(paired.select(1, i), all.select(1, i).select(1, i)), 1e-15);
      }
}

TEST(Attention, ParametersHaveNamesAndShapes) {
  const Attention plain(AttentionOptions(4).similarity("additive"));
  EXPECT_EQ(plain->named_parameters().keys(), (std::vector<std::string>{"v", "q_proj.weight", "k_proj.weight"}));
  const Attention layer(AttentionOptions(4).similarity("additive").key_dim(3).hidden_dim(6).bias(true));
  const auto parameters = layer->named_parameters();
  EXPECT_TRUE(parameters["v"].sizes() == IntArrayRef({6}));
  EXPECT_TRUE(parameters["q_proj.weight"].sizes() == IntArrayRef({6, 4}));
  EXPECT_TRUE(parameters["q_proj.bias"].sizes() == IntArrayRef({6}));
  EXPECT_TRUE(parameters["k_proj.weight"].sizes() == IntArrayRef({6, 3}));
}

TEST(Attention, GradcheckInInputsAndParameters) {
  manual_seed(2);
  for (const std::string& similarity : kSimilarities) {
    SCOPED_TRACE(similarity);
    const Attention layer(AttentionOptions(3).key_dim(2).hidden_dim(4).bias(true).similarity(similarity));
    layer->to(kFloat64);
    TensorList inputs = {hashed({2, 3, 3}, 1), hashed({2, 4, 2}, 2), hashed({2, 4, 2}, 3)};
    for (const Tensor& parameter : layer->parameters()) inputs.push_back(parameter);
    gradcheck([&](const TensorList& in) { return layer(in[0], in[1], in[2]); }, inputs);
    inputs[2] = hashed({2, 3, 2}, 4);
    gradcheck([&](const TensorList& in) { return layer->paired_similarity(in[0], in[2]); }, inputs);
  }
}

TEST(Attention, LeadingDimensionsBroadcast) {
  manual_seed(6);
  for (const std::string& similarity : kSimilarities) {
    const Attention layer(AttentionOptions(4).similarity(similarity));
    layer->to(kFloat64);
    const Tensor query = hashed({2, 1, 3, 4}, 1), key = hashed({3, 5, 4}, 2), value = hashed({5, 2}, 3);
    const Tensor out = layer(query, key, value);
    const Tensor same = layer(query.expand({2, 3, 3, 4}), key.expand({2, 3, 5, 4}), value.expand({2, 3, 5, 2}));
    EXPECT_LE(difference(out, same), 1e-15) << similarity;
  }
}

TEST(Attention, Errors) {
  EXPECT_THROW(Attention(AttentionOptions(4).similarity("euclidean")), ValueError);
  EXPECT_THROW(Attention(AttentionOptions(0)), ValueError);
  EXPECT_THROW(Attention(AttentionOptions(4).hidden_dim(0)), ValueError);
  EXPECT_THROW(Attention(AttentionOptions(4).key_dim(3)), ValueError);
  EXPECT_THROW(Attention(AttentionOptions(4).bias(true)), ValueError);
  const Attention layer(AttentionOptions(4));
  EXPECT_THROW(layer(ones({3, 5}), ones({2, 4}), ones({2, 1})), ShapeError);
  EXPECT_THROW(layer(ones({3, 4}), ones({2, 4}), ones({3, 1})), ShapeError);
  EXPECT_THROW(layer(ones({4}), ones({2, 4}), ones({2, 1})), ShapeError);
  EXPECT_THROW(layer->paired_similarity(ones({3, 4}), ones({2, 4})), ShapeError);
}

TEST(MultiheadAttention, IsOneAttentionForEachPartOfTheProjections) {
  manual_seed(3);
  constexpr int64_t kEmbed = 6, kHeads = 2, kPart = 3;
  for (const std::string& similarity : kSimilarities)
    for (const bool bias : {true, false}) {
      SCOPED_TRACE(similarity);
      const MultiheadAttention layer(MultiheadAttentionOptions(kEmbed, kHeads).similarity(similarity).bias(bias));
      layer->to(kFloat64);
      if (bias) init::normal_(layer->in_proj_bias), init::normal_(layer->out_proj->bias);
      const Tensor query = hashed({2, 3, kEmbed}, 1), key = hashed({2, 5, kEmbed}, 2), value = hashed({2, 5, kEmbed}, 3);
      const auto [out, weights] = layer->forward_with_weights(query, key, value);
      ASSERT_TRUE(weights.sizes() == IntArrayRef({2, kHeads, 3, 5}));
      for (int64_t n = 0; n < 2; ++n) {
        // Rows `part * E + head * D ...` of the projection belong to one head.
        const auto project = [&](const Tensor& x, int64_t part, int64_t head) {
          const int64_t start = part * kEmbed + head * kPart;
          return projected(Matrix(x.select(0, n)), Matrix(layer->in_proj_weight.narrow(0, start, kPart)),
                           bias ? numbers(layer->in_proj_bias.narrow(0, start, kPart)) : std::vector<double>{});
        };
        Matrix joined(3, kEmbed);
        for (int64_t head = 0; head < kHeads; ++head) {
          const auto v = layer->v.defined() ? numbers(layer->v.select(0, head)) : std::vector<double>{};
          const auto [part, expected_weights] =
              attend(similarity, true, project(query, 0, head), project(key, 1, head), project(value, 2, head), v);
          for (int64_t i = 0; i < 3; ++i)
            for (int64_t d = 0; d < kPart; ++d) joined.at(i, head * kPart + d) = part.at(i, d);
          expect_near(weights.select(0, n).select(0, head), expected_weights.values, 1e-14);
        }
        expect_near(
            out.select(0, n),
            projected(joined, Matrix(layer->out_proj->weight), bias ? numbers(layer->out_proj->bias) : std::vector<double>{})
                .values,
            1e-14);
      }
    }
}

TEST(MultiheadAttention, HasPyTorchsParameters) {
  const MultiheadAttention layer(8, 2);
  EXPECT_EQ(layer->named_parameters().keys(),
            (std::vector<std::string>{"in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias"}));
  EXPECT_TRUE(layer->in_proj_weight.sizes() == IntArrayRef({24, 8}));
  EXPECT_EQ(norm(layer->in_proj_bias).item<double>() + norm(layer->out_proj->bias).item<double>(), 0);
  const MultiheadAttention additive(MultiheadAttentionOptions(8, 2).similarity("additive").bias(false));
  EXPECT_EQ(additive->named_parameters().keys(), (std::vector<std::string>{"in_proj_weight", "v", "out_proj.weight"}));
  EXPECT_TRUE(additive->v.sizes() == IntArrayRef({2, 4}));
}

TEST(MultiheadAttention, GradcheckInInputsAndParameters) {
  manual_seed(4);
  for (const std::string& similarity : kSimilarities) {
    SCOPED_TRACE(similarity);
    const MultiheadAttention layer(MultiheadAttentionOptions(4, 2).similarity(similarity));
    layer->to(kFloat64);
    TensorList inputs = {hashed({2, 2, 4}, 1), hashed({2, 3, 4}, 2), hashed({2, 3, 4}, 3)};
    for (const Tensor& parameter : layer->parameters()) inputs.push_back(parameter);
    gradcheck([&](const TensorList& in) { return layer(in[0], in[1], in[2]); }, inputs);
  }
}

TEST(MultiheadAttention, Errors) {
  EXPECT_THROW(MultiheadAttention(6, 4), ValueError);
  EXPECT_THROW(MultiheadAttention(0, 1), ValueError);
  EXPECT_THROW(MultiheadAttention(4, 0), ValueError);
  EXPECT_THROW(MultiheadAttention(MultiheadAttentionOptions(4, 2).similarity("euclidean")), ValueError);
  const MultiheadAttention layer(4, 2);
  EXPECT_THROW(layer(ones({2, 3, 5}), ones({2, 3, 4}), ones({2, 3, 4})), ShapeError);
  EXPECT_THROW(layer(ones({2, 3, 4}), ones({1, 3, 4}), ones({1, 3, 4})), ShapeError);
  EXPECT_THROW(layer(ones({2, 3, 4}), ones({2, 3, 4}), ones({2, 4, 4})), ShapeError);
  EXPECT_THROW(layer(ones({3, 4}), ones({3, 4}), ones({3, 4})), ShapeError);
}

TEST(MultiheadAttention, TheSameSeedAndACloneGiveTheSameNumbers) {
  const auto make = [] {
    manual_seed(5);
    return MultiheadAttention(MultiheadAttentionOptions(4, 2).similarity("additive"));
  };
  const MultiheadAttention a = make(), b = make();
  const auto copy = std::dynamic_pointer_cast<MultiheadAttentionImpl>(a->clone());
  const Tensor x = randn({2, 3, 4});
  EXPECT_EQ(numbers(a(x, x, x)), numbers(b(x, x, x)));
  EXPECT_EQ(numbers(a(x, x, x)), numbers(copy->forward(x, x, x)));
}

}  // namespace
}  // namespace tessera::nn
