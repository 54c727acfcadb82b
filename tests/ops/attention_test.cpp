// attention: known values, gradients, errors.
#include "core/ops/attention.h"

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

TEST(Attention, WeighsValuesByTheSoftmaxOfTheScaledProducts) {
  // One query, two keys of which it equals the first: scores 4 / sqrt(4) = 2 and 0.
  const Tensor q = tensor({{2.0, 0.0, 0.0, 0.0}}, kFloat64), k = tensor({{2.0, 0.0, 0.0, 0.0}, {0.0, 1.0, 0.0, 0.0}}, kFloat64);
  const Tensor v = tensor({{1.0}, {3.0}}, kFloat64);
  const double first = 1 / (1 + std::exp(-2.0)), cosine_first = 1 / (1 + std::exp(-1.0));
  expect_near(attention(q, k, v), {first + 3 * (1 - first)}, 1e-15);
  expect_near(attention(q, k, v, "cosine"), {cosine_first + 3 * (1 - cosine_first)}, 1e-15);
}

TEST(Attention, GradcheckInAllArguments) {
  const Tensor q = uniform({2, 3, 4}, 1), k = uniform({2, 5, 4}, 2), v = uniform({2, 5, 6}, 3);
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
