// attention: known values, gradients, errors.
#include "core/ops/attention.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/gradcheck.h"
#include "core/ops.h"
#include "tests/support/inputs.h"
#include "tests/support/numbers.h"

namespace tessera {
namespace {

using namespace testing_support;

TEST(Attention, WeighsValuesByTheSoftmaxOfTheScaledProducts) {
  // One query, two keys of which it equals the first: scores 4 / sqrt(4) = 2 and 0.
  const Tensor q = tensor({{2.0, 0.0, 0.0, 0.0}}, kFloat64), k = tensor({{2.0, 0.0, 0.0, 0.0}, {0.0, 1.0, 0.0, 0.0}}, kFloat64);
  const Tensor v = tensor({{1.0}, {3.0}}, kFloat64);
  const double first = 1 / (1 + std::exp(-2.0)), cosine_first = 1 / (1 + std::exp(-1.0));
  expect_near(attention(q, k, v), {first + 3 * (1 - first)}, 1e-15);
  expect_near(attention(q, k, v, "cosine"), {cosine_first + 3 * (1 - cosine_first)}, 1e-15);
}

TEST(Attention, GradcheckInAllArguments) {
  const Tensor q = uniform({2, 3, 4}, -1, 1, 1), k = uniform({2, 5, 4}, -1, 1, 2), v = uniform({2, 5, 6}, -1, 1, 3);
  for (const char* similarity : {"dot", "cosine"})
    gradcheck([&](const TensorList& in) { return attention(in[0], in[1], in[2], similarity); }, {q, k, v});
}

TEST(Attention, Errors) {
  const Tensor q = ones({2, 3, 4}), k = ones({2, 5, 4}), v = ones({2, 5, 6});
  EXPECT_THROW(attention(q, ones({2, 5, 3}), v), ShapeError);
  EXPECT_THROW(attention(q, k, ones({2, 4, 6})), ShapeError);
  EXPECT_THROW(attention(q, k, v, "euclidean"), ValueError);
}

}  // namespace
}  // namespace tessera
