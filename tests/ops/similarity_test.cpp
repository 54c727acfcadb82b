// cosine_similarity and normalize.
#include "core/ops/similarity.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/gradcheck.h"
#include "core/ops.h"
#include "tests/support/inputs.h"
#include "tests/support/numbers.h"

namespace tessera {
namespace {

using namespace testing_support;

TEST(CosineSimilarity, KnownValues) {
  const Tensor a = tensor({{3.0, 4.0}, {1.0, 0.0}, {0.0, 0.0}}, kFloat64),
               b = tensor({{4.0, 3.0}, {0.0, 2.0}, {1.0, 1.0}}, kFloat64);
  expect_near(cosine_similarity(a, b), {24.0 / 25, 0, 0}, 1e-15);
  EXPECT_EQ(cosine_similarity(a, b, 0).sizes(), IntArrayRef({2}));
}

TEST(CosineSimilarity, Gradcheck) {
  const Tensor a = uniform({2, 5, 3}, -1, 1, 4), b = uniform({2, 5, 3}, -1, 1, 5), row = uniform({1, 5, 1}, -1, 1, 6);
  gradcheck([](const TensorList& in) { return cosine_similarity(in[0], in[1]); }, {a, b});
  gradcheck([](const TensorList& in) { return cosine_similarity(in[0], in[1]); }, {a, row});
}

TEST(Normalize, LengthOneAndGradcheck) {
  const Tensor x = uniform({2, 5, 3}, -1, 1, 7);
  expect_near(sum(square(normalize(x)), {1}), std::vector<double>(6, 1.0), 1e-15);
  for (double p : {1.0, 2.0, 3.0}) gradcheck([&](const TensorList& in) { return normalize(in[0], p); }, {x});
  expect_near(normalize(zeros({1, 2}, kFloat64)), {0, 0}, 0);
}

}  // namespace
}  // namespace tessera
