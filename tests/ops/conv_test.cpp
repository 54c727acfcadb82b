// conv2d and conv_transpose2d as ops: shapes, layouts, gradients, messages. The arithmetic is tested in tests/kernels.
#include "core/ops/conv.h"

#include <gtest/gtest.h>

#include "core/autograd.h"
#include "core/gradcheck.h"
#include "core/kernel_table.h"
#include "core/ops.h"
#include "tests/support/message_of.h"
#include "tests/support/numbers.h"

namespace tessera {
namespace {

using namespace testing_support;

Tensor random(IntArrayRef sizes, MemoryFormat format = kContiguous) {
  return randn(sizes, kFloat64).contiguous(format).detach().requires_grad_();
}

TEST(Conv2d, KnownValues) {
  const Tensor x = tensor({{{{1.0, 2.0, 3.0}, {4.0, 5.0, 6.0}, {7.0, 8.0, 9.0}}}});
  const Tensor w = tensor({{{{1.0, 0.0}, {0.0, -1.0}}}}), b = tensor({0.5});
  const Tensor y = conv2d(x, w, b);
  EXPECT_EQ(y.sizes(), IntArrayRef({1, 1, 2, 2}));
  for (int i = 0; i < 4; ++i) EXPECT_EQ(y.data_ptr<float>()[i], -3.5f);
  const Tensor up = conv_transpose2d(tensor({{{{1.0, 2.0}}}}), w, {}, /*stride=*/2);
  const float expected[2][4] = {{1, 0, 2, 0}, {0, -1, 0, -2}};
  EXPECT_EQ(up.sizes(), IntArrayRef({1, 1, 2, 4}));
  for (int i = 0; i < 8; ++i) EXPECT_EQ(up.data_ptr<float>()[i], expected[i / 4][i % 4]);
}

TEST(Conv2d, GradientsOfFirstAndSecondOrder) {
  struct Case {
    DimVector input, weight;
    DimVector stride, padding, dilation;
    int64_t groups;
  };
  const Case cases[] = {{{2, 3, 5, 4}, {2, 3, 3, 3}, {1}, {1}, {1}, 1},
                        {{1, 4, 6, 7}, {6, 2, 2, 3}, {2, 1}, {0, 2}, {1, 2}, 2},
                        {{1, 3, 5, 5}, {3, 1, 3, 3}, {2}, {1}, {1}, 3},
                        {{1, 2, 3, 3}, {3, 2, 1, 1}, {1}, {0}, {1}, 1}};
  for (MemoryFormat format : {kContiguous, kChannelsLast})
    for (const Case& c : cases) {
      const Tensor input = random(c.input, format), weight = random(c.weight), bias = random({c.weight[0]});
      const auto f = [&](const TensorList& x) { return conv2d(x[0], x[1], x[2], c.stride, c.padding, c.dilation, c.groups); };
      gradcheck(f, {input, weight, bias});
      gradgradcheck([&](const TensorList& x) { return f({x[0], x[1], Tensor()}); }, {input, weight});  // linear in the bias
    }
}

TEST(ConvTranspose2d, GradientsOfFirstAndSecondOrder) {
  struct Case {
    DimVector input, weight;
    DimVector stride, padding, output_padding;
    int64_t groups;
    DimVector dilation;
  };
  const Case cases[] = {{{2, 3, 2, 3}, {3, 2, 4, 4}, {2}, {1}, {0}, 1, {1}},
                        {{1, 4, 3, 2}, {4, 1, 3, 2}, {2, 3}, {1, 0}, {1, 2}, 2, {1}},
                        {{1, 2, 3, 3}, {2, 2, 2, 2}, {1}, {1}, {1}, 1, {2}}};
  for (const Case& c : cases) {
    const Tensor input = random(c.input), weight = random(c.weight), bias = random({c.weight[1] * c.groups});
    const auto f = [&](const TensorList& x) {
      return conv_transpose2d(x[0], x[1], x[2], c.stride, c.padding, c.output_padding, c.groups, c.dilation);
    };
    gradcheck(f, {input, weight, bias});
    gradgradcheck([&](const TensorList& x) { return f({x[0], x[1], Tensor()}); }, {input, weight});
  }
}

TEST(Conv2d, GradientOpsAreTheGradients) {
  const Tensor input = random({2, 4, 7, 6}), weight = random({6, 2, 3, 2});
  const Tensor out = conv2d(input, weight, {}, {2, 1}, {1, 0}, 1, 2), g = randn(out.sizes(), kFloat64);
  out.backward(g);
  EXPECT_LE(difference(input.grad(), conv2d_input_grad({2, 4, 7, 6}, weight, g, {2, 1}, {1, 0}, 1, 2)), 0.0);
  EXPECT_LE(difference(weight.grad(), conv2d_weight_grad(input, {6, 2, 3, 2}, g, {2, 1}, {1, 0}, 1, 2)), 0.0);
}

TEST(ConvTranspose2d, IsTheAdjointOfConv2d) {  // <conv(x), y> = <x, conv_transpose(y)>
  const Tensor x = random({1, 3, 9, 8}), weight = random({5, 3, 3, 4}), y = random({1, 5, 5, 4});
  const Tensor down = conv2d(x, weight, {}, 2, 1), up = conv_transpose2d(y, weight, {}, 2, 1, {0, 0});
  EXPECT_EQ(down.sizes(), y.sizes());
  EXPECT_EQ(up.sizes(), x.sizes());
  const double left = sum(mul(down, y)).item<double>(), right = sum(mul(x, up)).item<double>();
  EXPECT_LE(std::abs(left - right), 1e-12 * std::abs(left) + 1e-12);
}

TEST(Conv2d, KeepsTheMemoryFormatForwardAndBackward) {
  for (MemoryFormat format : {kContiguous, kChannelsLast}) {
    const Tensor x = randn({2, 3, 6, 5}).contiguous(format).detach().requires_grad_();
    const Tensor y = conv2d(x, randn({4, 3, 3, 3}), {}, 1, 1), z = conv_transpose2d(y, randn({4, 3, 2, 2}), {}, 2);
    EXPECT_TRUE(y.is_contiguous(format));
    EXPECT_TRUE(z.is_contiguous(format));
    z.backward(empty_like(z).fill_(1));
    EXPECT_TRUE(x.grad().is_contiguous(format));
  }
}

TEST(Conv2d, LayoutsAndSlicesGiveTheSameNumbers) {
  const Tensor whole = random({2, 6, 8, 9}), weight = random({5, 3, 3, 3});
  const Tensor part = slice(slice(whole, 1, 1, 4), 3, 0, 9, 2);  // [2, 3, 8, 5] with gaps
  const Tensor expected = conv2d(part.contiguous(), weight, {}, 1, 1);
  EXPECT_LE(difference(conv2d(part, weight, {}, 1, 1), expected), 1e-13);
  EXPECT_LE(difference(conv2d(part.contiguous(kChannelsLast), weight, {}, 1, 1), expected), 1e-13);
  const Tensor constant = expand(random({1, 3, 1, 1}), {2, 3, 8, 5});
  EXPECT_LE(difference(conv2d(constant, weight), conv2d(constant.contiguous(), weight)), 1e-13);
}

TEST(Conv2d, OneImageWithoutBatch) {
  const Tensor x = random({3, 5, 5}), w = random({2, 3, 3, 3}), up = random({3, 2, 3, 3});
  EXPECT_EQ(conv2d(x, w).sizes(), IntArrayRef({2, 3, 3}));
  EXPECT_EQ(conv_transpose2d(x, up).sizes(), IntArrayRef({2, 7, 7}));
  gradcheck([](const TensorList& t) { return conv2d(t[0], t[1]); }, {x, w});
}

TEST(Conv2d, ComputesAndSavesOnlyWhatIsNeeded) {
  const Tensor frozen = randn({1, 2, 4, 4}), weight = randn({3, 2, 3, 3}).requires_grad_();
  const Tensor y = conv2d(frozen, weight);
  EXPECT_EQ(y.grad_fn()->saved_bytes(), frozen.nbytes());  // not the weight
  y.backward(ones_like(y));
  EXPECT_TRUE(weight.grad().defined());
  EXPECT_FALSE(frozen.grad().defined());
}

TEST(Conv2d, ReferenceKernelAgrees) {
  const Tensor x = random({1, 5, 9, 9}, kChannelsLast), w = random({7, 5, 3, 3});
  const Tensor fast = conv2d(x, w, {}, 2, 1);
  set_kernels("conv2d=reference");
  const Tensor slow = conv2d(x, w, {}, 2, 1);
  set_kernels("");
  EXPECT_LE(difference(fast, slow), 1e-13);
}

TEST(Conv2d, Errors) {
  const Tensor x = randn({1, 3, 8, 8}), w = randn({4, 3, 3, 3});
  const std::string channels = message_of<ShapeError>([&] { conv2d(x, randn({4, 2, 3, 3})); });
  EXPECT_NE(channels.find("conv2d"), std::string::npos);
  EXPECT_NE(channels.find("[1, 3, 8, 8]"), std::string::npos) << channels;
  EXPECT_NE(channels.find("[4, 2, 3, 3]"), std::string::npos) << channels;
  EXPECT_THROW(conv2d(x, randn({4, 3, 9, 9})), ShapeError);  // larger than the image
  EXPECT_THROW(conv2d(randn({3, 8}), w), ShapeError);
  EXPECT_THROW(conv2d(x, w, randn({3})), ShapeError);
  EXPECT_THROW(conv2d(x, w, {}, 0), ValueError);
  EXPECT_THROW(conv2d(x, w, {}, {1, 1, 1}), ValueError);
  EXPECT_THROW(conv2d(x, w, {}, 1, -1), ValueError);
  EXPECT_THROW(conv2d(x, w, {}, 1, 0, 1, 3), ShapeError);
  EXPECT_THROW(conv2d(x, w.to(kFloat64)), TypeError);
  EXPECT_THROW(conv2d(x.to(kInt64), w.to(kInt64)), TypeError);
  EXPECT_THROW(conv_transpose2d(x, w), ShapeError);
  EXPECT_THROW(conv_transpose2d(x, randn({3, 4, 2, 2}), {}, 2, 0, 2), ValueError);
  EXPECT_THROW(conv_transpose2d(x, randn({3, 4, 2, 2}), {}, 1, 5), ShapeError);
  EXPECT_THROW(conv2d_weight_grad(x, {4, 3, 3, 3}, randn({1, 4, 7, 6})), ShapeError);
}

}  // namespace
}  // namespace tessera
