// Autocast: which dtype each op computes in, and how gradients come back.
#include "core/autocast.h"

#include <gtest/gtest.h>

#include "core/autograd.h"
#include "core/ops.h"
#include "nn/nn.h"
#include "tests/support/numbers.h"

namespace tessera {
namespace {

using namespace testing_support;

constexpr double kHalfEpsilon = 1.0 / 256;  // of bfloat16: rounding is off by at most this share

Tensor parameter(IntArrayRef sizes) { return randn(sizes).detach().requires_grad_(); }

TEST(Autocast, ProductsAreLowered) {
  const Tensor image = randn({1, 2, 5, 5}), filter = parameter({3, 2, 3, 3}), matrix = parameter({5, 5}), batch = randn({2, 5, 5});
  const AutocastGuard guard(kCPU);
  EXPECT_EQ(conv2d(image, filter).dtype(), kBFloat16);
  EXPECT_EQ(conv_transpose2d(randn({1, 3, 4, 4}), filter, parameter({2})).dtype(), kBFloat16);
  EXPECT_EQ(mm(matrix, matrix).dtype(), kBFloat16);
  EXPECT_EQ(matmul(image, matrix).dtype(), kBFloat16);
  EXPECT_EQ(bmm(batch, batch).dtype(), kBFloat16);
  EXPECT_EQ(addmm(matrix, matrix, matrix).dtype(), kBFloat16);
  EXPECT_EQ(linear(matrix, matrix, parameter({5})).dtype(), kBFloat16);
  EXPECT_EQ(mm(matrix.to(kFloat64), matrix.to(kFloat64)).dtype(), kFloat64);  // left alone
}

TEST(Autocast, WhatNeedsRangeIsWidened) {
  const Tensor x = (rand({2, 4, 3, 3}) + 0.5).to(kBFloat16), labels = randint(4, {2, 3, 3});
  const AutocastGuard guard(kCPU);
  for (const Tensor& y : {exp(x), log(x), log1p(x), pow(x, 3), pow(x, x), rsqrt(x), reciprocal(x), softplus(x), sum(x), prod(x, 1),
                          cumsum(x, 1), norm(x, 2), softmax(x, 1), log_softmax(x, 1), logsumexp(x, 1), mse_loss(x, x), l1_loss(x, x),
                          layer_norm(x, {3}), group_norm(x, 2), cross_entropy(x, labels), nll_loss(x, labels),
                          cross_entropy(x, softmax(x, 1)), binary_cross_entropy_with_logits(x, x), kl_div(x, x)})
    EXPECT_EQ(y.dtype(), kFloat32);
}

TEST(Autocast, TheRestFollowsItsInputs) {
  const Tensor half = randn({2, 4, 6, 6}).to(kBFloat16), single = randn({2, 4, 6, 6});
  const AutocastGuard guard(kCPU);
  EXPECT_EQ(relu(half).dtype(), kBFloat16);
  EXPECT_EQ(max_pool2d(half, 2).dtype(), kBFloat16);
  EXPECT_EQ(add(half, half).dtype(), kBFloat16);
  EXPECT_EQ(add(half, single).dtype(), kFloat32);
  EXPECT_EQ(cat({half, single}, 1).dtype(), kFloat32);
  EXPECT_EQ(cat({half, half}, 1).dtype(), kBFloat16);
  EXPECT_EQ(relu(single).dtype(), kFloat32);
  EXPECT_EQ(mean(half).dtype(), kBFloat16);
}

TEST(Autocast, BatchNormTakesHalfInputAndKeepsItsNumbersInFloat32) {
  nn::BatchNorm2d norm(4);
  const Tensor x = (randn({2, 4, 6, 6}) * 3 + 1).to(kBFloat16).requires_grad_();
  const Tensor exact = x.detach().to(kFloat32).requires_grad_();
  const Tensor reference = batch_norm(exact, norm->weight, norm->bias, {}, {}, true, 0.1, 1e-5);
  const AutocastGuard guard(kCPU);
  const Tensor y = norm(x);
  EXPECT_EQ(y.dtype(), kBFloat16);
  EXPECT_EQ(norm->running_mean.dtype(), kFloat32);
  EXPECT_LE(difference(y, reference), 4 * kHalfEpsilon);
  const Tensor g = randn(y.sizes()).to(kBFloat16);
  y.backward(g);
  const Tensor weight_grad = norm->weight.grad().clone();
  norm->zero_grad();
  reference.backward(g.to(kFloat32));
  EXPECT_EQ(weight_grad.dtype(), kFloat32);
  EXPECT_EQ(x.grad().dtype(), kBFloat16);
  EXPECT_LE(difference(weight_grad, norm->weight.grad()), 1e-4);
}

TEST(Autocast, GradientsReachTheMastersInFloat32) {
  const Tensor image = randn({2, 3, 6, 7}), filter = parameter({4, 3, 3, 3}), bias = parameter({4});
  const Tensor g = randn({2, 4, 4, 5});
  conv2d(image, filter, bias).backward(g);
  const Tensor exact_filter = filter.grad().clone(), exact_bias = bias.grad().clone();
  filter.mutable_grad() = bias.mutable_grad() = Tensor();
  Tensor out;
  {
    const AutocastGuard guard(kCPU);
    out = conv2d(image, filter, bias);
  }
  out.backward(g.to(kBFloat16));
  EXPECT_EQ(filter.grad().dtype(), kFloat32);
  EXPECT_EQ(bias.grad().dtype(), kFloat32);
  // 40 products of numbers of size 1, each off by two roundings; but a sum kept in bfloat16 would be off by far more.
  EXPECT_LE(difference(filter.grad(), exact_filter), 40 * 2 * 3 * kHalfEpsilon);
  const Tensor lowered = filter.grad().to(kBFloat16).to(kFloat32);
  EXPECT_GT(difference(filter.grad(), lowered), 0) << "the gradient was rounded on its way";
}

TEST(Autocast, LinearGradientsInFloat32) {
  const Tensor x = randn({5, 6}), weight = parameter({4, 6}), bias = parameter({4});
  Tensor out;
  {
    const AutocastGuard guard(kCPU);
    out = linear(x, weight, bias);
  }
  out.backward(ones_like(out));
  EXPECT_EQ(weight.grad().dtype(), kFloat32);
  EXPECT_EQ(bias.grad().dtype(), kFloat32);
  expect_near(bias.grad(), {5, 5, 5, 5}, 0);
}

TEST(Autocast, AWeightIsConvertedOnceUntilTheOutermostGuardEnds) {
  const Tensor weight = parameter({3, 3}), x = randn({3, 3});
  {
    const AutocastGuard outer(kCPU);
    const Tensor copy = autocast::lower(weight);
    EXPECT_TRUE(autocast::lower(weight).is_same(copy));
    {
      const AutocastGuard inner(kCPU);
      EXPECT_TRUE(autocast::lower(weight).is_same(copy));
    }
    EXPECT_TRUE(autocast::lower(weight).is_same(copy)) << "the inner guard cleared the cache";
    EXPECT_FALSE(autocast::lower(x).is_same(autocast::lower(x))) << "only leaves that require a gradient are kept";
    // Used twice: both gradients arrive.
    add(mm(x, weight), mm(x, weight)).backward(ones({3, 3}));
    EXPECT_LE(difference(weight.grad(), mm(x.t(), ones({3, 3})) * 2), 3 * 4 * kHalfEpsilon);
    const NoGradGuard no_grad;
    weight.fill_(2);  // an optimizer's step
    expect_near(autocast::lower(weight), std::vector<double>(9, 2.0), 0);
  }
  const std::weak_ptr<Storage> storage = [&] {
    const AutocastGuard guard(kCPU);
    return std::weak_ptr<Storage>(autocast::lower(weight).storage());
  }();
  EXPECT_TRUE(storage.expired()) << "the cache outlived its guard";
}

TEST(Autocast, ACopyMadeWithoutGradIsNotUsedForTraining) {
  const Tensor weight = parameter({3, 3}), x = randn({3, 3});
  const AutocastGuard guard(kCPU);
  {
    const NoGradGuard no_grad;
    mm(x, weight);
  }
  const Tensor y = mm(x, weight);
  ASSERT_TRUE(y.requires_grad());
  y.sum().backward();
  EXPECT_TRUE(weight.grad().defined());
}

TEST(Autocast, GuardsNestAndRestore) {
  const Tensor x = randn({3, 3});
  EXPECT_FALSE(autocast::is_autocast_enabled(kCPU));
  {
    const AutocastGuard outer(kCPU);
    {
      const AutocastGuard off(kCPU, kBFloat16, /*enabled=*/false);
      EXPECT_EQ(mm(x, x).dtype(), kFloat32);
      const AutocastGuard other(kCPU, kFloat16);
      EXPECT_EQ(mm(x, x).dtype(), kFloat16);
    }
    EXPECT_EQ(mm(x, x).dtype(), kBFloat16);
    const AutocastGuard of_another_device(kCUDA, kFloat16, false);
    EXPECT_EQ(mm(x, x).dtype(), kBFloat16);
  }
  EXPECT_EQ(mm(x, x).dtype(), kFloat32);
  EXPECT_THROW(AutocastGuard(kCPU, kFloat32), ValueError);
}

TEST(Autocast, IsOffInBackward) {
  const Tensor x = parameter({3});
  Tensor seen;
  const AutocastGuard guard(kCPU);
  const Tensor y = mul(x, 2);
  y.register_hook([&](const Tensor& g) { seen = mm(g.unsqueeze(0), g.unsqueeze(1)); });
  y.sum().backward();
  EXPECT_EQ(seen.dtype(), kFloat32);
  EXPECT_TRUE(autocast::is_autocast_enabled(kCPU)) << "and on again afterwards";
}

TEST(Autocast, SecondDerivativesOfAConvolution) {
  const Tensor x = randn({1, 2, 4, 4}).detach().requires_grad_(), filter = parameter({2, 2, 3, 3});
  const AutocastGuard guard(kCPU);
  const Tensor y = conv2d(x, filter);
  const Tensor g = autograd::grad({square(y).sum()}, {x}, {}, true, /*create_graph=*/true)[0];
  square(g).sum().backward();
  EXPECT_EQ(filter.grad().dtype(), kFloat32);
  EXPECT_EQ(filter.grad().sizes(), filter.sizes());
  EXPECT_TRUE(isfinite(filter.grad()).all().item<bool>());
}

}  // namespace
}  // namespace tessera
