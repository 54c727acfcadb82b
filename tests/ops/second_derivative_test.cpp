// Ops whose first backward runs a kernel of its own: under create_graph they record one that can be differentiated again.
#include <gtest/gtest.h>

#include "core/autograd.h"
#include "core/gradcheck.h"
#include "core/ops.h"

namespace tessera {
namespace {

// The gradient under create_graph, which takes another path, is the gradient.
void check_paths(const std::function<Tensor(const Tensor&)>& op, const Tensor& x) {
  const Tensor y = op(x), g = rand(y.sizes(), kFloat64);
  const Tensor fused = autograd::grad({y}, {x}, {g}, true)[0], composed = autograd::grad({y}, {x}, {g}, true, true)[0];
  EXPECT_TRUE(allclose(composed, fused, 1e-9, 1e-12)) << "under create_graph the gradient is another";
}

// The inputs go through a square, so that the gradient depends on them even where the op is linear.
void check_twice(const std::function<Tensor(const Tensor&)>& op, const Tensor& x) {
  const auto function = [&](const TensorList& in) { return op(in[0] * in[0]); };
  check_paths(op, x);
  gradcheck(function, {x}, {.atol = 1e-5, .rtol = 1e-4});
  gradgradcheck(function, {x}, {.eps = 1e-5, .atol = 1e-4, .rtol = 1e-4});
}

Tensor images(bool channels_last = false) {
  const Tensor x = rand({2, 3, 5, 6}, kFloat64);
  return (channels_last ? x.contiguous(kChannelsLast) : x).requires_grad_();
}

TEST(SecondDerivative, Pooling) {
  for (bool channels_last : {false, true}) {
    SCOPED_TRACE(channels_last);
    EXPECT_NO_THROW(check_twice([](const Tensor& x) { return max_pool2d(x, 3, 2, 1); }, images(channels_last)));
    EXPECT_NO_THROW(check_twice(
        [](const Tensor& x) {
          return avg_pool2d(x, {2, 3}, {2, 1}, {1, 0}, true);
        },
        images(channels_last)));
    EXPECT_NO_THROW(check_twice([](const Tensor& x) { return adaptive_avg_pool2d(x, {2, 4}); }, images(channels_last)));
  }
  EXPECT_NO_THROW(check_twice([](const Tensor& x) { return max_pool2d(x, 2); }, rand({2, 4, 4}, kFloat64).requires_grad_()));
}

TEST(SecondDerivative, Interpolation) {
  for (bool channels_last : {false, true}) {
    SCOPED_TRACE(channels_last);
    EXPECT_NO_THROW(check_twice([](const Tensor& x) { return upsample_nearest2d(x, {7, 4}); }, images(channels_last)));
    EXPECT_NO_THROW(check_twice([](const Tensor& x) { return upsample_bilinear2d(x, {9, 4}, false); }, images(channels_last)));
    EXPECT_NO_THROW(check_twice([](const Tensor& x) { return upsample_bilinear2d(x, {8, 11}, true); }, images(channels_last)));
  }
}

TEST(SecondDerivative, Losses) {
  const Tensor x = rand({2, 3, 2, 2}, kFloat64).requires_grad_();
  const Tensor target = tensor({{{0, 2}, {1, -100}}, {{2, 2}, {0, 1}}}), weight = tensor({1.0, 0.5, 2.0}, kFloat64);
  for (const Reduction reduction : {kNone, kMean, kSum}) {
    EXPECT_NO_THROW(check_twice([&](const Tensor& in) { return nll_loss(in, target, weight, reduction); }, x));
    EXPECT_NO_THROW(check_twice([&](const Tensor& in) { return cross_entropy(in, target, weight, reduction, -100, 0.1); }, x));
    EXPECT_NO_THROW(check_twice([&](const Tensor& in) { return cross_entropy(in, target, {}, reduction); }, x));
  }
  EXPECT_NO_THROW(check_twice([&](const Tensor& in) { return focal_loss(in, target); }, x));
  const Tensor one = rand({4}, kFloat64).requires_grad_();
  EXPECT_NO_THROW(check_twice([](const Tensor& in) { return cross_entropy(in, tensor(2)); }, one));
}

TEST(SecondDerivative, ProductsAreExactAtZero) {
  const Tensor x =
      tensor({{{0.5, 0.0}, {-1.5, 2.0}, {0.25, 3.0}}, {{1.0, 0.0}, {2.0, -1.0}, {0.0, 0.0}}}, kFloat64).requires_grad_();
  for (const auto& dims : std::vector<std::vector<int64_t>>{{}, {0}, {1}, {-1}, {0, 2}, {2, 1}}) {
    const auto function = [&](const TensorList& in) { return prod(in[0], dims); };
    check_paths([&](const Tensor& in) { return prod(in, dims); }, x);
    check_paths([&](const Tensor& in) { return prod(in + 2, dims); }, x);
    EXPECT_NO_THROW(gradcheck(function, {x}));
    EXPECT_NO_THROW(gradgradcheck(function, {x}));
    EXPECT_NO_THROW(gradgradcheck([&](const TensorList& in) { return prod(in[0] + 2, dims, true); }, {x}));
  }
}

TEST(SecondDerivative, TheFirstBackwardRecordsNothing) {
  const Tensor x = images();
  const Tensor loss = max_pool2d(x, 2).sum();
  EXPECT_FALSE(autograd::grad({loss}, {x}, {}, true)[0].requires_grad());
  EXPECT_TRUE(
      autograd::grad({cross_entropy(x, zeros({2, 5, 6}, kLong))}, {x}, {}, true, /*create_graph=*/true)[0].requires_grad());
}

}  // namespace
}  // namespace tessera
