// Layers that pad, shuffle, unpool or normalise: against their definitions.
#include <gtest/gtest.h>

#include "core/gradcheck.h"
#include "nn/nn.h"
#include "tests/support/inputs.h"
#include "tests/support/numbers.h"

namespace tessera::nn {
namespace {

namespace F = functional;
using namespace testing_support;

TEST(Padding, BordersOfAllKinds) {
  const Tensor row = tensor({{{1.0, 2.0, 3.0}}}, kFloat64);
  expect_near(F::pad(row, F::PadFuncOptions({1, 2}).mode(kCircular)), {3, 1, 2, 3, 1, 2}, 0);
  EXPECT_THROW(F::pad(row, F::PadFuncOptions({4, 0}).mode(kCircular)), ValueError);
  expect_near(ReflectionPad2d(Pad2dOptions({1, 1, 0, 0}))(row), {2, 1, 2, 3, 2}, 0);
  expect_near(ReplicationPad2d(Pad2dOptions({1, 0, 0, 0}))(row), {1, 1, 2, 3}, 0);
  expect_near(ConstantPad2d(ConstantPad2dOptions({0, 1, 0, 0}, 9))(row), {1, 2, 3, 9}, 0);
  EXPECT_EQ(ZeroPad2d(2)(row).sizes(), IntArrayRef({1, 5, 7}));
  gradcheck(
      [](const TensorList& in) {
        return F::pad(in[0], F::PadFuncOptions({1, 2, 3, 0}).mode(kCircular));
      },
      {hashed({2, 3, 3}, 1)});
}

TEST(Padding, ConvolutionsKeepTheSize) {
  manual_seed(7);
  const Tensor x = rand({2, 3, 6, 5});
  for (const int64_t kernel : {1, 2, 3, 4})
    EXPECT_EQ(Conv2d(Conv2dOptions(3, 2, kernel).padding(kSame).dilation(2))(x).sizes(), IntArrayRef({2, 2, 6, 5})) << kernel;
  EXPECT_THROW(Conv2d(Conv2dOptions(3, 2, 3).padding(kSame).stride(2)), ValueError);
  EXPECT_THROW(Conv2d(Conv2dOptions(3, 2, 3).padding(kSame).stride(2).padding_mode(kReflect)), ValueError);
  const Conv2d even(Conv2dOptions(3, 2, 2).padding(kSame));  // one more row and column at the end
  EXPECT_TRUE(equal(even(x), conv2d(pad(x, {0, 1, 0, 1}), even->weight, even->bias)));
  const Conv2d wrapped(Conv2dOptions(3, 2, 3).padding({1, 2}).padding_mode(kCircular));
  EXPECT_TRUE(
      allclose(wrapped(x), conv2d(F::pad(x, F::PadFuncOptions({2, 2, 1, 1}).mode(kCircular)), wrapped->weight, wrapped->bias)));
}

TEST(Shuffle, ChannelsBecomePixelsAndBack) {
  const Tensor x = reshape(arange(16, kFloat64), {1, 4, 2, 2});
  const Tensor y = PixelShuffle(2)(x);
  expect_near(y, {0, 4, 1, 5, 8, 12, 9, 13, 2, 6, 3, 7, 10, 14, 11, 15}, 0);
  EXPECT_TRUE(equal(PixelUnshuffle(2)(y), x));
  EXPECT_THROW(PixelShuffle(3)(x), ShapeError);
  EXPECT_EQ(Unflatten(1, std::vector<int64_t>{2, -1})(x).sizes(), IntArrayRef({1, 2, 2, 2, 2}));
}

TEST(MaxUnpool, PutsTheMaximaBack) {
  const Tensor x = rand({2, 3, 4, 7});
  const auto [y, indices] = MaxPool2d(2)->forward_with_indices(x);
  const Tensor back = MaxUnpool2d(2)(y, indices, std::vector<int64_t>{4, 7});
  EXPECT_EQ(back.sizes(), x.sizes());
  EXPECT_TRUE(equal(max_pool2d(back, 2), y));
  EXPECT_TRUE(equal(back, where(ne(back, 0), x, 0)));
  EXPECT_THROW(MaxUnpool2d(2)(y, indices), IndexError);  // its output is 4 x 6, too small
  const auto [small, places] = MaxPool2d(2)->forward_with_indices(narrow(x, 3, 0, 6).contiguous());
  EXPECT_EQ(MaxUnpool2d(2)(small, places).sizes(), IntArrayRef({2, 3, 4, 6}));
}

TEST(Dropout2d, DropsWholeChannels) {
  manual_seed(8);
  const Tensor x = ones({20, 10, 3, 3}), y = Dropout2d(0.4)(x);
  const Tensor sums = sum(y, {2, 3});
  EXPECT_TRUE(all(logical_or(eq(sums, 0), lt(abs(sub(sums, 15)), 1e-4))).item<bool>());
  EXPECT_NEAR(mean(y).item<double>(), 1, 0.2);
  const Dropout2d off;
  off->eval();
  EXPECT_TRUE(equal(off(x), x));
  Dropout(DropoutOptions(1).inplace(true))(x);
  EXPECT_EQ(sum(x).item<double>(), 0);
}

TEST(InstanceNorm, IsBatchNormOfEachSample) {
  manual_seed(9);
  const Tensor x = rand({3, 2, 4, 5}, kFloat64);
  const Tensor y = InstanceNorm2d(2)(x);
  for (int64_t n = 0; n < 3; ++n) {
    const Tensor one = x[n].unsqueeze(0);
    EXPECT_TRUE(allclose(y[n], batch_norm(one, {}, {}, {}, {}, true, 0, 1e-5)[0], 0, 1e-12));
    EXPECT_TRUE(equal(InstanceNorm2d(2)(x[n]), y[n]));
  }
  InstanceNorm2d tracked(InstanceNorm2dOptions(2).affine(true).track_running_stats(true));
  tracked->to(kFloat64);
  tracked(x);
  EXPECT_TRUE(allclose(tracked->running_mean, mul(mean(x, {0, 2, 3}), 0.1), 0, 1e-12));
  EXPECT_TRUE(allclose(tracked->running_var, add(mul(mean(var(x, {2, 3}), {0}), 0.1), 0.9), 0, 1e-12));
  tracked->eval();
  EXPECT_TRUE(equal(tracked(x),
                    batch_norm(x, tracked->weight, tracked->bias, tracked->running_mean, tracked->running_var, false, 0, 1e-5)));
  EXPECT_EQ(BatchNorm1d(2)(ones({4, 2})).sizes(), IntArrayRef({4, 2}));
  EXPECT_THROW(BatchNorm1d(2)(ones({4, 2, 1, 1})), ShapeError);
}

TEST(Distance, CosineAndNorm) {
  const Tensor a = tensor({{3.0, 4.0}}, kFloat64), b = tensor({{0.0, 0.0}}, kFloat64);
  expect_near(PairwiseDistance()(a, b), {5}, 1e-5);
  EXPECT_EQ(PairwiseDistance(PairwiseDistanceOptions().p(1).keepdim(true))(a, b).sizes(), IntArrayRef({1, 1}));
  expect_near(CosineSimilarity()(a, tensor({{4.0, 3.0}}, kFloat64)), {0.96}, 1e-12);
}

}  // namespace
}  // namespace tessera::nn
