// Reductions as ops: shapes, dtypes, errors, values that kernels leave to the op, and gradients in float64.
#include "core/ops/reduce.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/gradcheck.h"
#include "core/ops.h"
#include "tests/support/inputs.h"

namespace tessera {
namespace {

using testing_support::sines;

constexpr double kInf = std::numeric_limits<double>::infinity(), kNan = std::numeric_limits<double>::quiet_NaN();

TEST(ReduceOps, ShapesAndMemoryOrder) {
  const Tensor x = ones({2, 3, 4, 5});
  EXPECT_EQ(sum(x).sizes(), IntArrayRef({}));
  EXPECT_EQ(sum(x, {1, -1}).sizes(), IntArrayRef({2, 4}));
  EXPECT_EQ(sum(x, {1, -1}, true).sizes(), IntArrayRef({2, 1, 4, 1}));
  EXPECT_EQ(std::get<0>(max(x, 1, true)).sizes(), IntArrayRef({2, 1, 4, 5}));
  EXPECT_EQ(argmax(x, 2).sizes(), IntArrayRef({2, 3, 5}));
  EXPECT_EQ(argmax(x, {}, true).sizes(), IntArrayRef({1, 1, 1, 1}));
  const Tensor scalar = full({}, 3.0);
  EXPECT_EQ(sum(scalar, 0).item<double>(), 3);
  EXPECT_EQ(std::get<1>(max(scalar, -1)).item<int64_t>(), 0);
  EXPECT_EQ(cumsum(scalar, 0).item<double>(), 3);
  EXPECT_TRUE(amax(x.contiguous(kChannelsLast), 0, true).is_contiguous(kChannelsLast));
}

TEST(ReduceOps, Dtypes) {
  EXPECT_EQ(sum(ones({3}, kBool)).dtype(), kInt64);
  EXPECT_EQ(sum(full({300}, 255, kByte)).item<int64_t>(), 76500);
  EXPECT_EQ(sum(ones({3}, kBFloat16)).dtype(), kBFloat16);
  EXPECT_EQ(sum(ones({1000}, kBFloat16), {}, false, kFloat).item<double>(), 1000);
  EXPECT_EQ(mean(tensor({1, 2}), {}, false, kFloat).item<double>(), 1.5);
  EXPECT_EQ(all(tensor({1, 2})).dtype(), kBool);
  EXPECT_EQ(amax(tensor({1, 2})).dtype(), kInt64);
  EXPECT_EQ(cumsum(ones({3}, kInt32), 0).dtype(), kInt64);
}

TEST(ReduceOps, Errors) {
  const Tensor x = ones({2, 3});
  EXPECT_THROW(sum(x, 2), IndexError);
  EXPECT_THROW(sum(x, {1, -1}), IndexError);
  EXPECT_THROW(mean(tensor({1, 2})), TypeError);
  EXPECT_THROW(var(tensor({1, 2})), TypeError);
  EXPECT_THROW(amax(ones({0, 3}), 0), ValueError);
  EXPECT_THROW(max(ones({0})), ValueError);
  EXPECT_THROW(argmin(ones({0})), ValueError);
  EXPECT_EQ(amax(ones({0, 3}), 1).numel(), 0);
  EXPECT_EQ(sum(ones({0})).item<double>(), 0);
  EXPECT_TRUE(std::isnan(mean(ones({0})).item<double>()));
}

TEST(ReduceOps, Values) {
  const Tensor x = tensor({{1.0, -2.0, 2.0}, {0.0, 4.0, 3.0}}, kDouble);
  EXPECT_TRUE(equal(sum(x, 1), tensor({1.0, 7.0}, kDouble)));
  EXPECT_TRUE(equal(prod(x, 1), tensor({-4.0, 0.0}, kDouble)));
  EXPECT_TRUE(equal(norm(x, 1, 1), tensor({5.0, 7.0}, kDouble)));
  EXPECT_TRUE(equal(norm(x, 2, 1), tensor({3.0, 5.0}, kDouble)));
  EXPECT_TRUE(equal(norm(x, kInf, 1), tensor({2.0, 4.0}, kDouble)));
  EXPECT_TRUE(equal(norm(x, 0, 1), tensor({3.0, 2.0}, kDouble)));
  EXPECT_TRUE(allclose(norm(x, 3, 0), tensor({1.0, std::cbrt(72.0), std::cbrt(35.0)}, kDouble)));
  EXPECT_TRUE(allclose(var(x, 1), tensor({13.0 / 3, 13.0 / 3}, kDouble)));
  EXPECT_TRUE(allclose(std(x, 1, false), tensor({std::sqrt(26.0) / 3, std::sqrt(26.0) / 3}, kDouble)));
  const auto [deviation, center] = std_mean(x);
  EXPECT_NEAR(center.item<double>(), 8.0 / 6, 1e-15);
  EXPECT_NEAR(deviation.item<double>(), std(x).item<double>(), 1e-15);
  EXPECT_TRUE(equal(cumsum(x, 1), tensor({{1.0, -1.0, 1.0}, {0.0, 4.0, 7.0}}, kDouble)));
  EXPECT_EQ(argmax(x).item<int64_t>(), 4);
  EXPECT_EQ(argmax(x.t()).item<int64_t>(), 3);  // logical order, whatever the memory order
  EXPECT_TRUE(any(x).item<bool>());
  EXPECT_TRUE(equal(all(x, 1), tensor({true, false})));
}

TEST(ReduceOps, LogSumExpExtremes) {
  const Tensor x =
      tensor({{1000.0, 1000.0}, {-1000.0, -1000.0}, {-kInf, -kInf}, {kInf, 0.0}, {kNan, 0.0}}, kDouble).requires_grad_();
  const Tensor y = logsumexp(x, 1);
  const double expected[] = {1000 + std::log(2.0), -1000 + std::log(2.0), -kInf, kInf};
  for (int64_t i = 0; i < 4; ++i) EXPECT_EQ(y[i].item<double>(), expected[i]);
  EXPECT_TRUE(std::isnan(y[4].item<double>()));
  y[2].backward();
  EXPECT_TRUE(equal(x.grad()[2], zeros({2}, kDouble)));
  EXPECT_EQ(logsumexp(ones({0}), 0).item<double>(), -kInf);
}

TEST(ReduceOps, GradientsAtTiesAndZeros) {
  const Tensor x = tensor({3.0, 1.0, 3.0}, kDouble).requires_grad_();
  max(x).backward();
  EXPECT_TRUE(equal(x.grad(), tensor({0.5, 0.0, 0.5}, kDouble)));
  x.mutable_grad() = Tensor();
  std::get<0>(max(x, 0)).backward();
  EXPECT_TRUE(equal(x.grad(), tensor({1.0, 0.0, 0.0}, kDouble)));
  const Tensor zero = zeros({3}, kDouble).requires_grad_();
  norm(zero).backward();
  std(zero).backward();
  EXPECT_TRUE(equal(zero.grad(), zeros({3}, kDouble)));
}

TEST(ReduceOps, Gradcheck) {
  using Function = std::function<Tensor(const TensorList&)>;
  const std::vector<std::pair<std::string, Function>> twice = {
      {"sum",
       [](const TensorList& x) {
         return square(sum(x[0], {0, 2}));
       }},
      {"mean", [](const TensorList& x) { return square(mean(x[0], 1, true)); }},
      {"amax",
       [](const TensorList& x) {
         return square(amax(x[0], {1, 2}));
       }},
      {"amin", [](const TensorList& x) { return square(amin(x[0])); }},
      {"max", [](const TensorList& x) { return square(std::get<0>(max(x[0], 1))); }},
      {"min", [](const TensorList& x) { return square(std::get<0>(min(x[0], 2, true))); }},
      {"var",
       [](const TensorList& x) {
         return var(x[0], {0, 2});
       }},
      {"std", [](const TensorList& x) { return std(x[0], 1, false); }},
      {"var_mean", [](const TensorList& x) { return mul(std::get<0>(var_mean(x[0], 1)), std::get<1>(var_mean(x[0], 1))); }},
      {"std_mean", [](const TensorList& x) { return mul(std::get<0>(std_mean(x[0], 2)), std::get<1>(std_mean(x[0], 2))); }},
      {"norm1", [](const TensorList& x) { return square(norm(x[0], 1, 1)); }},
      {"norm2",
       [](const TensorList& x) {
         return norm(x[0], 2, {0, 1});
       }},
      {"norm3", [](const TensorList& x) { return norm(x[0], 3, 1, true); }},
      {"norm_inf", [](const TensorList& x) { return square(norm(x[0], kInf, 1)); }},
      {"logsumexp",
       [](const TensorList& x) {
         return logsumexp(x[0], {1, 2});
       }},
      {"cumsum", [](const TensorList& x) { return square(cumsum(x[0], 1)); }},
  };
  for (const auto& [name, function] : twice) {
    SCOPED_TRACE(name);
    EXPECT_NO_THROW(gradcheck(function, {sines({2, 3, 4})}));
    EXPECT_NO_THROW(gradgradcheck(function, {sines({2, 3, 2})}, {.eps = 1e-5, .atol = 1e-4, .rtol = 1e-4}));
  }
  const Function product = [](const TensorList& x) { return prod(x[0], 1); };
  EXPECT_NO_THROW(gradcheck(product, {sines({2, 3, 4})}));
  const Tensor with_zeros = tensor({{0.0, 2.0, 3.0}, {0.0, 0.0, 5.0}, {1.0, 2.0, 4.0}}, kDouble).requires_grad_();
  EXPECT_NO_THROW(gradcheck(product, {with_zeros}));
}

TEST(ReduceOps, EqualAndAllclose) {
  const Tensor x = tensor({1.0, kInf, kNan}, kDouble);
  EXPECT_FALSE(equal(x, x));
  EXPECT_FALSE(allclose(x, x));
  EXPECT_TRUE(allclose(x, x, 0, 0, true));
  EXPECT_FALSE(allclose(tensor({1.0}), tensor({kInf})));
  EXPECT_FALSE(allclose(tensor({-kInf}), tensor({kInf})));
  EXPECT_TRUE(allclose(tensor({1.0, 2.0}), tensor({1.0 + 1e-6, 2.0})));
  EXPECT_FALSE(allclose(tensor({1.0}), tensor({1.001})));
  EXPECT_FALSE(equal(ones({2}), ones({2, 1})));
  EXPECT_TRUE(allclose(ones({2}, kLong), ones({1}, kLong)));
}

}  // namespace
}  // namespace tessera
