// softmax, log_softmax and softmin as ops: values, gradients, memory format, errors.
#include "core/ops/softmax.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/autograd.h"
#include "core/gradcheck.h"
#include "core/ops.h"
#include "tests/support/inputs.h"
#include "tests/support/numbers.h"

namespace tessera {
namespace {

using namespace testing_support;

TEST(Softmax, KnownValues) {
  const Tensor x = tensor({{1.0, 2.0, 3.0}, {1.0, 1.0, 1.0}}, kFloat64);
  expect_near(softmax(x, 1), {0.09003057317038046, 0.24472847105479764, 0.6652409557748218, 1 / 3., 1 / 3., 1 / 3.}, 1e-15);
  expect_near(log_softmax(x, -1).exp(), numbers(softmax(x, 1)), 1e-15);
  expect_near(softmin(x, 1), {0.6652409557748218, 0.24472847105479764, 0.09003057317038046, 1 / 3., 1 / 3., 1 / 3.}, 1e-15);
  expect_near(softmax(tensor(5.0), 0), {1}, 0);  // a 0-dimensional tensor is one line of one class
}

TEST(Softmax, LargeLogitsDoNotOverflow) {
  const Tensor x = tensor({{1000.0, 0.0, -1000.0}}, kFloat32);
  expect_near(softmax(x, 1), {1, 0, 0}, 0);
  expect_near(log_softmax(x, 1), {0, -1000, -2000}, 0);
}

TEST(Softmax, GradientsOfBothOrdersInEveryDimension) {
  for (int64_t dim : {0, 1, -1}) {
    const Tensor x = uniform({2, 4, 3}, -2, 2, 7);
    for (const auto& op : {softmax, log_softmax, softmin}) {
      gradcheck([&](const TensorList& in) { return op(in[0], dim); }, {x});
      gradgradcheck([&](const TensorList& in) { return op(in[0], dim); }, {x});
    }
  }
}

TEST(Softmax, KeepsTheMemoryFormatInBothPasses) {
  const Tensor x = uniform({2, 5, 3, 4}, -2, 2, 7).detach().contiguous(kChannelsLast).requires_grad_();
  const Tensor plain = x.detach().contiguous().requires_grad_();
  for (const auto& op : {softmax, log_softmax}) {
    const Tensor y = op(x, 1), expected = op(plain, 1);
    EXPECT_TRUE(y.is_contiguous(kChannelsLast));
    expect_near(y, numbers(expected), 1e-15);
    const Tensor g = uniform({2, 5, 3, 4}, -2, 2, 8).detach();
    const Tensor grad = autograd::grad({y}, {x}, {g})[0];
    EXPECT_TRUE(grad.is_contiguous(kChannelsLast));
    expect_near(grad, numbers(autograd::grad({expected}, {plain}, {g})[0]), 1e-15);
  }
}

TEST(Softmax, Errors) {
  EXPECT_THROW(softmax(ones({2, 3}), 2), IndexError);
  EXPECT_THROW(log_softmax(ones({2, 3}), -3), IndexError);
  EXPECT_THROW(softmax(ones({2, 3}, kInt64), 1), TypeError);
}

}  // namespace
}  // namespace tessera
