// cosine_similarity and normalize.
#include "core/ops/similarity.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/gradcheck.h"
#include "core/ops.h"

namespace tessera {
namespace {

std::vector<double> values(const Tensor& x) {
  const Tensor flat = x.detach().to(kFloat64).contiguous();
  return {flat.data_ptr<double>(), flat.data_ptr<double>() + flat.numel()};
}

void expect_near(const Tensor& actual, const std::vector<double>& expected, double tolerance) {
  const std::vector<double> a = values(actual);
  ASSERT_EQ(a.size(), expected.size());
  for (size_t i = 0; i < a.size(); ++i) EXPECT_LE(std::abs(a[i] - expected[i]), tolerance) << "element " << i << ": " << a[i];
}

Tensor uniform(IntArrayRef sizes, uint64_t seed) {
  Generator generator(seed);
  return rand(sizes, generator, kFloat64).mul(2).sub(1).requires_grad_();
}

TEST(CosineSimilarity, KnownValues) {
  const Tensor a = tensor({{3.0, 4.0}, {1.0, 0.0}, {0.0, 0.0}}, kFloat64),
               b = tensor({{4.0, 3.0}, {0.0, 2.0}, {1.0, 1.0}}, kFloat64);
  expect_near(cosine_similarity(a, b), {24.0 / 25, 0, 0}, 1e-15);
  EXPECT_EQ(cosine_similarity(a, b, 0).sizes(), IntArrayRef({2}));
}

TEST(CosineSimilarity, Gradcheck) {
  const Tensor a = uniform({2, 5, 3}, 4), b = uniform({2, 5, 3}, 5), row = uniform({1, 5, 1}, 6);
  gradcheck([](const TensorList& in) { return cosine_similarity(in[0], in[1]); }, {a, b});
  gradcheck([](const TensorList& in) { return cosine_similarity(in[0], in[1]); }, {a, row});
}

TEST(Normalize, LengthOneAndGradcheck) {
  const Tensor x = uniform({2, 5, 3}, 7);
  expect_near(sum(square(normalize(x)), {1}), std::vector<double>(6, 1.0), 1e-15);
  for (double p : {1.0, 2.0, 3.0}) gradcheck([&](const TensorList& in) { return normalize(in[0], p); }, {x});
  expect_near(normalize(zeros({1, 2}, kFloat64)), {0, 0}, 0);
}

}  // namespace
}  // namespace tessera
