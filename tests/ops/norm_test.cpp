#include "core/ops/norm.h"

#include <gtest/gtest.h>

#include "core/autograd.h"
#include "core/gradcheck.h"
#include "tests/support/inputs.h"
#include "tests/support/message_of.h"
#include "tests/support/numbers.h"

namespace tessera {
namespace {

using namespace testing_support;

const MemoryFormat kFormats[] = {kContiguous, kChannelsLast};

TEST(BatchNormOp, GradientsInTrainingAndEvaluation) {
  for (const MemoryFormat format : kFormats)
    for (const bool training : {true, false})
      for (const bool relu : {false, true}) {
        SCOPED_TRACE(testing::Message() << "channels_last " << (format == kChannelsLast) << " training " << training << " relu "
                                        << relu);
        const Tensor mean = hashed({5}, 7).detach(), var = full({5}, 0.5, kFloat64);
        EXPECT_NO_THROW(gradcheck(
            [&](const TensorList& in) {
              return (relu ? batch_norm_relu : batch_norm)(in[0], in[1], in[2], mean.clone(), var.clone(), training, 0.1, 1e-5);
            },
            {hashed({2, 5, 3, 4}, 1, format), hashed({5}, 2), hashed({5}, 3)}));
      }
}

TEST(BatchNormOp, GradientsOfTwoAndThreeDimensionsAndWithoutAffine) {
  for (const DimVector& sizes : {DimVector{6, 3}, DimVector{3, 4, 5}}) {
    EXPECT_NO_THROW(
        gradcheck([](const TensorList& in) { return batch_norm(in[0], {}, {}, {}, {}, true, 0.1, 1e-5); }, {hashed(sizes, 1)}));
  }
}

TEST(BatchNormOp, RunningStatisticsFollowTheBatch) {
  // Channel values 1, 2, 3, 6: mean 3, biased variance 3.5, unbiased 14 / 3.
  const Tensor x = view(tensor(std::vector<double>{1, 2, 3, 6}, kFloat64), {4, 1});
  const Tensor mean = tensor(std::vector<double>{1}, kFloat64), var = tensor(std::vector<double>{2}, kFloat64);
  const uint64_t version = mean._version();
  const Tensor out = batch_norm(x, {}, {}, mean, var, true, 0.25, 0.5);
  EXPECT_LE(difference(out, view(tensor(std::vector<double>{-1, -0.5, 0, 1.5}, kFloat64), {4, 1})), 1e-15);
  EXPECT_LE(std::abs(numbers(mean)[0] - (0.75 * 1 + 0.25 * 3)), 1e-15);
  EXPECT_LE(std::abs(numbers(var)[0] - (0.75 * 2 + 0.25 * 14 / 3)), 1e-15);
  EXPECT_GT(mean._version(), version);
  const Tensor evaluated = batch_norm(x, {}, {}, mean, var, false, 0.25, 0.5);
  EXPECT_LE(std::abs(numbers(evaluated)[0] - (1 - 1.5) / std::sqrt(1.5 + 3.5 / 3 + 0.5)), 1e-15);
}

TEST(BatchNormOp, BackwardOutlivesLaterRunningStatistics) {
  const Tensor x = hashed({2, 3, 4, 4}, 1), mean = zeros({3}, kFloat64), var = ones({3}, kFloat64);
  const Tensor out = batch_norm(x, {}, {}, mean, var, false, 0.1, 1e-5);
  batch_norm(x.detach(), {}, {}, mean, var, true, 0.1, 1e-5);
  EXPECT_NO_THROW(out.backward(ones_like(out)));
}

TEST(BatchNormOp, KeepsTheMemoryFormat) {
  const Tensor x = hashed({2, 5, 3, 4}, 1, kChannelsLast);
  const Tensor out = batch_norm_relu(x, {}, {}, {}, {}, true, 0.1, 1e-5);
  EXPECT_TRUE(out.is_contiguous(kChannelsLast));
  EXPECT_TRUE(group_norm(hashed({2, 4, 3, 5}, 1, kChannelsLast), 2).is_contiguous(kChannelsLast));
}

TEST(BatchNormOp, BFloat16KeepsFloatStatistics) {
  const Tensor x = hashed({4, 3, 8, 8}, 1).detach(), mean = zeros({3}), var = ones({3});
  const Tensor out = batch_norm(to(x, kBFloat16), ones({3}), zeros({3}), mean, var, true, 1.0, 1e-5);
  EXPECT_EQ(out.dtype(), kBFloat16);
  EXPECT_LE(difference(out, batch_norm(x, {}, {}, {}, {}, true, 0.1, 1e-5)), 4 * 0x1p-8);
}

TEST(BatchNormOp, ErrorsNameTheShapes) {
  const Tensor x = hashed({2, 3, 4, 4}, 1);
  EXPECT_EQ(message_of<ShapeError>([&] { batch_norm(x, zeros({4}, kFloat64), {}, {}, {}, true, 0.1, 1e-5); }),
            "batch_norm: weight of shape [4] does not fit input [2, 3, 4, 4]: one value a channel is needed.");
  EXPECT_EQ(
      message_of<ShapeError>([&] {
        batch_norm(hashed({1, 3, 1, 1}, 1), {}, {}, {}, {}, true, 0.1, 1e-5);
      }),
      "batch_norm: training needs more than one value a channel, input is [1, 3, 1, 1]. Use a larger batch, or evaluation mode.");
  EXPECT_NE(message_of<ValueError>([&] { batch_norm(x, {}, {}, {}, {}, false, 0.1, 1e-5); }), "");
  EXPECT_NE(message_of<ShapeError>([&] { layer_norm(x, {3, 4}); }), "");
  EXPECT_NE(message_of<ShapeError>([&] { group_norm(x, 2); }), "");
}

TEST(BatchNormOp, SecondDerivativeIsAnErrorAndNoSilentZero) {
  const Tensor x = hashed({2, 3, 4, 4}, 1), out = batch_norm(x, {}, {}, {}, {}, true, 0.1, 1e-5);
  const Tensor gradient = autograd::grad({out}, {x}, {hashed({2, 3, 4, 4}, 2)}, {}, /*create_graph=*/true)[0];
  EXPECT_THROW(gradient.backward(ones_like(gradient)), AutogradError);
}

TEST(LayerNormOp, Gradients) {
  EXPECT_NO_THROW(gradcheck([](const TensorList& in) { return layer_norm(in[0], {6}, in[1], in[2]); },
                            {hashed({2, 4, 6}, 1), hashed({6}, 2), hashed({6}, 3)}));
  EXPECT_NO_THROW(gradcheck(
      [](const TensorList& in) {
        return layer_norm(in[0], {4, 6}, in[1]);
      },
      {hashed({2, 4, 6}, 1), hashed({4, 6}, 2)}));
}

TEST(LayerNormOp, ValuesAreNormalised) {
  const Tensor x = tensor({{1.0, 3.0, 5.0, 7.0}}, kFloat64);  // mean 4, variance 5
  EXPECT_LE(difference(layer_norm(x, {4}, {}, {}, 4.0), tensor({{-1.0, -1.0 / 3, 1.0 / 3, 1.0}}, kFloat64)), 1e-15);
}

TEST(GroupNormOp, GradientsInBothMemoryFormats) {
  for (const MemoryFormat format : kFormats) {
    EXPECT_NO_THROW(gradcheck([](const TensorList& in) { return group_norm(in[0], 2, in[1], in[2]); },
                              {hashed({2, 6, 3, 4}, 1, format), hashed({6}, 2), hashed({6}, 3)}));
  }
}

TEST(GroupNormOp, OneGroupAChannelIsBatchNormOfOneSample) {
  const Tensor x = hashed({1, 5, 6, 7}, 1);
  EXPECT_LE(difference(group_norm(x, 5), batch_norm(x, {}, {}, {}, {}, true, 0.1, 1e-5)), 1e-14);
}

}  // namespace
}  // namespace tessera
