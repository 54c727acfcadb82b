// Matrix products as ops: every broadcasting case against sums written out, gradients, messages.
#include "core/ops/matmul.h"

#include <gtest/gtest.h>

#include "core/gradcheck.h"
#include "core/ops.h"
#include "tests/support/message_of.h"
#include "tests/support/numbers.h"

namespace tessera {
namespace {

using namespace testing_support;

Tensor random(IntArrayRef sizes) {
  return randn(sizes, kFloat64).requires_grad_();
}

// The product by broadcasting and a sum: [..., M, K, 1] * [..., 1, K, N] summed over K.
Tensor by_sum(const Tensor& a, const Tensor& b) {
  const Tensor left = a.dim() == 1 ? unsqueeze(a, 0) : a, right = b.dim() == 1 ? unsqueeze(b, 1) : b;
  Tensor out = sum(mul(unsqueeze(left, -1), unsqueeze(right, -3)), {-2});
  if (a.dim() == 1) out = squeeze(out, -2);
  if (b.dim() == 1) out = squeeze(out, -1);
  return out;
}

void expect_equal(const Tensor& a, const Tensor& b, const std::string& what) {
  ASSERT_LE(difference(a, b), 1e-13) << what;
}

TEST(Matmul, EveryBroadcastingCase) {
  const std::pair<DimVector, DimVector> cases[] = {
      {{4}, {4}},          {{3, 4}, {4}},          {{4}, {4, 5}},          {{3, 4}, {4, 5}},          {{2, 3, 4}, {4, 5}},
      {{3, 4}, {2, 4, 5}}, {{2, 3, 4}, {2, 4, 5}}, {{1, 3, 4}, {6, 4, 5}}, {{2, 1, 3, 4}, {6, 4, 5}}, {{2, 3, 4}, {4}},
      {{4}, {2, 4, 5}},    {{2, 3, 4}, {1, 4, 5}}, {{1, 1}, {1, 1}},       {{2, 3, 2, 3, 4}, {4, 1}}, {{3, 4}, {2, 6, 4, 5}}};
  for (const auto& [left, right] : cases) {
    const Tensor a = random(left), b = random(right);
    const std::string what = fmt::format("{} x {}", left, right);
    expect_equal(matmul(a, b), by_sum(a, b), what);
    gradcheck([](const TensorList& x) { return matmul(x[0], x[1]); }, {a, b});
    gradgradcheck([](const TensorList& x) { return matmul(x[0], x[1]); }, {a, b});
  }
}

TEST(Matmul, TransposedAndExpandedOperands) {
  const Tensor a = random({4, 3}), b = random({5, 4}), row = random({1, 4});
  expect_equal(matmul(t(a), t(b)), by_sum(t(a).contiguous(), t(b).contiguous()), "transposed");
  expect_equal(matmul(expand(row, {3, 4}), t(b)), by_sum(expand(row, {3, 4}), t(b)), "expanded");
  gradcheck([](const TensorList& x) { return matmul(t(x[0]), t(x[1])); }, {a, b});
}

TEST(Matmul, NamedForms) {
  const Tensor a = random({3, 4}), b = random({4, 5}), c = random({5}), x = random({2, 3, 4}), w = random({5, 4});
  expect_equal(mm(a, b), by_sum(a, b), "mm");
  expect_equal(bmm(x, expand(b, {2, 4, 5})), by_sum(x, b), "bmm");
  expect_equal(dot(c, c), by_sum(c, c), "dot");
  EXPECT_EQ(dot(c, c).dim(), 0);
  expect_equal(addmm(c, a, b, 2, -0.5), add(add(c, c), by_sum(a, b), -0.5), "addmm");
  expect_equal(linear(x, w, c), add(by_sum(x, t(w)), c), "linear");
  gradcheck([](const TensorList& v) { return addmm(v[0], v[1], v[2], 2, -0.5); }, {c, a, b});
  gradcheck([](const TensorList& v) { return linear(v[0], v[1], v[2]); }, {x, w, c});
  gradcheck([](const TensorList& v) { return dot(v[0], v[0]); }, {c});
}

TEST(Matmul, TheGradientOfALinearWeightLiesLikeTheWeight) {
  const Tensor x = random({6, 4}), w = random({5, 4});
  const Tensor y = linear(x, w);
  y.backward(ones_like(y));
  EXPECT_TRUE(w.grad().is_contiguous());
}

TEST(Matmul, EmptyOperands) {
  const Tensor none = matmul(randn({2, 0, 3}), randn({3, 4}));
  EXPECT_EQ(none.sizes(), IntArrayRef({2, 0, 4}));
  const Tensor zero = matmul(randn({2, 0}), randn({0, 3}));
  EXPECT_EQ(zero.sizes(), IntArrayRef({2, 3}));
  EXPECT_EQ(sum(zero).item<float>(), 0.0f);
}

TEST(Matmul, Errors) {
  const std::string message = message_of<ShapeError>([] { matmul(randn({2, 3}), randn({4, 5})); });
  EXPECT_NE(message.find("[2, 3]"), std::string::npos) << message;
  EXPECT_NE(message.find("[4, 5]"), std::string::npos) << message;
  EXPECT_THROW(matmul(randn({2, 3, 4}), randn({3, 4, 5})), ShapeError);
  EXPECT_THROW(matmul(randn({}), randn({3})), ShapeError);
  EXPECT_THROW(mm(randn({2, 3, 4}), randn({4, 5})), ShapeError);
  EXPECT_THROW(bmm(randn({2, 3, 4}), randn({3, 4, 5})), ShapeError);
  EXPECT_THROW(dot(randn({2}), randn({3})), ShapeError);
  EXPECT_THROW(linear(randn({2, 3}), randn({5, 4})), ShapeError);
  EXPECT_THROW(linear(randn({2, 4}), randn({5, 4}), randn({4})), ShapeError);
  EXPECT_THROW(mm(randn({2, 3}), randn({3, 2}, kFloat64)), TypeError);
  EXPECT_THROW(mm(randn({2, 3}).to(kInt64), randn({3, 2}).to(kInt64)), TypeError);
}

}  // namespace
}  // namespace tessera
