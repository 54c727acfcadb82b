// cat and stack: values, dtypes, memory order, errors, gradients.
#include "core/ops/concat.h"

#include <gtest/gtest.h>

#include <limits>

#include "core/autograd.h"
#include "core/gradcheck.h"
#include "core/ops.h"

namespace tessera {
namespace {

TEST(ConcatOps, Values) {
  const Tensor a = tensor({{1, 2}}), b = tensor({{3, 4}, {5, 6}});
  EXPECT_TRUE(equal(cat({a, b}), tensor({{1, 2}, {3, 4}, {5, 6}})));
  EXPECT_TRUE(equal(cat({b, b.t()}, -1), tensor({{3, 4, 3, 5}, {5, 6, 4, 6}})));
  EXPECT_TRUE(equal(stack({a, a}, 1), tensor({{{1, 2}, {1, 2}}})));
  EXPECT_TRUE(equal(stack({tensor(1), tensor(2)}), tensor({1, 2})));
  EXPECT_TRUE(equal(cat({zeros({0}), tensor({{1.0}})}, 1), tensor({{1.0}})));  // [0] is passed over
  EXPECT_EQ(cat({zeros({0}), zeros({0})}).sizes(), IntArrayRef({0}));
  EXPECT_EQ(cat({ones({2}, kLong), ones({1}, kHalf)}).dtype(), kHalf);
  const Tensor x = rand({2, 3, 4, 5}).contiguous(kChannelsLast), y = rand({2, 1, 4, 5});
  const Tensor joined = cat({x, y}, 1);
  EXPECT_TRUE(joined.is_contiguous(kChannelsLast));
  EXPECT_TRUE(equal(narrow(joined, 1, 0, 3), x));
  EXPECT_TRUE(equal(narrow(joined, 1, 3, 1), y));
}

TEST(ConcatOps, Errors) {
  EXPECT_THROW(cat({}), ValueError);
  EXPECT_THROW(stack({}), ValueError);
  EXPECT_THROW(cat({ones({2, 3}), ones({2, 2})}), ShapeError);
  EXPECT_THROW(cat({ones({2, 3}), ones({2})}), ShapeError);
  EXPECT_THROW(cat({full({}, 1.0)}), ShapeError);
  EXPECT_THROW(stack({ones({2}), ones({1})}), ShapeError);
  EXPECT_THROW(cat({ones({2})}, 1), IndexError);
}

// Fresh memory may hold anything (NaN under TESSERA_POISON=1): it is looked at when it has been written.
TEST(ConcatOps, AnomalyDetectionSeesTheResult) {
  autograd::set_detect_anomaly(true);
  const Tensor a = ones({300, 2}), b = ones({300, 3});
  EXPECT_NO_THROW(cat({a, b}, 1));
  EXPECT_THROW(cat({a, full({300, 3}, std::numeric_limits<float>::quiet_NaN())}, 1), AutogradError);
  autograd::set_detect_anomaly(false);
}

TEST(ConcatOps, Gradcheck) {
  const Tensor a = sin(arange(6, kDouble)).reshape({2, 3}).requires_grad_(),
               b = cos(arange(4, kDouble)).reshape({2, 2}).requires_grad_();
  const auto joined = [](const TensorList& x) { return square(cat({x[0], x[1], x[0]}, 1)); };
  const auto stacked = [](const TensorList& x) { return square(stack({x[0], x[0].neg()}, 1)); };
  EXPECT_NO_THROW(gradcheck(joined, {a, b}));
  EXPECT_NO_THROW(gradgradcheck(joined, {a, b}, {.eps = 1e-5, .atol = 1e-4, .rtol = 1e-4}));
  EXPECT_NO_THROW(gradcheck(stacked, {a}));
}

}  // namespace
}  // namespace tessera
