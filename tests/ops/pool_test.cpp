#include "core/ops/pool.h"

#include <gtest/gtest.h>

#include "core/gradcheck.h"
#include "tests/support/inputs.h"
#include "tests/support/message_of.h"
#include "tests/support/numbers.h"

namespace tessera {
namespace {

using namespace testing_support;

const MemoryFormat kFormats[] = {kContiguous, kChannelsLast};

TEST(PoolOp, GradientsInBothMemoryFormats) {
  for (const MemoryFormat format : kFormats) {
    const TensorList input{hashed({2, 3, 7, 8}, 1, format)};
    EXPECT_NO_THROW(gradcheck([](const TensorList& in) { return max_pool2d(in[0], 2); }, input));
    EXPECT_NO_THROW(gradcheck([](const TensorList& in) { return max_pool2d(in[0], 3, 2, 1, 1, true); }, input));
    EXPECT_NO_THROW(gradcheck([](const TensorList& in) { return max_pool2d(in[0], {3, 2}, {1, 3}, {1, 0}, {2, 1}); }, input));
    EXPECT_NO_THROW(gradcheck([](const TensorList& in) { return std::get<0>(max_pool2d_with_indices(in[0], 3, 1)); }, input));
    EXPECT_NO_THROW(gradcheck([](const TensorList& in) { return avg_pool2d(in[0], 2); }, input));
    EXPECT_NO_THROW(gradcheck([](const TensorList& in) { return avg_pool2d(in[0], 3, 2, 1, true, false); }, input));
    EXPECT_NO_THROW(gradcheck([](const TensorList& in) { return avg_pool2d(in[0], {3, 2}, 2, 1, true, true); }, input));
    EXPECT_NO_THROW(gradcheck([](const TensorList& in) { return avg_pool2d(in[0], 3, 1, 0, false, true, 5); }, input));
    EXPECT_NO_THROW(gradcheck([](const TensorList& in) { return adaptive_avg_pool2d(in[0], 1); }, input));
    EXPECT_NO_THROW(gradcheck([](const TensorList& in) { return adaptive_avg_pool2d(in[0], {3, 5}); }, input));
  }
}

TEST(PoolOp, KeepsTheMemoryFormat) {
  const Tensor x = hashed({2, 3, 7, 8}, 1, kChannelsLast);
  EXPECT_TRUE(max_pool2d(x, 2).is_contiguous(kChannelsLast));
  EXPECT_TRUE(avg_pool2d(x, 2).is_contiguous(kChannelsLast));
  EXPECT_TRUE(adaptive_avg_pool2d(x, {3, 5}).is_contiguous(kChannelsLast));
}

TEST(PoolOp, CeilModeNeedsAWindowThatStartsInside) {
  const auto sizes = [](int64_t in, int64_t kernel, int64_t stride, int64_t padding, bool ceil_mode) {
    return max_pool2d(hashed({1, 1, in, in}, 1), kernel, stride, padding, 1, ceil_mode).size(2);
  };
  EXPECT_EQ(sizes(7, 2, 2, 0, false), 3);
  EXPECT_EQ(sizes(7, 2, 2, 0, true), 4);
  EXPECT_EQ(sizes(7, 3, 2, 1, true), 4);  // rounds up to 4: 4 * 2 - 1 = 7 is no fifth window
  EXPECT_EQ(sizes(4, 2, 3, 0, true), 2);
  EXPECT_EQ(sizes(3, 1, 3, 0, true), 1);  // rounding up alone would give a window that starts at 3
}

TEST(PoolOp, IndicesPointAtTheMaxima) {
  const Tensor x = view(tensor(std::vector<double>{1, 9, 2, 3, 4, 8, 7, 7}, kFloat64), {1, 2, 4});
  const auto [out, indices] = max_pool2d_with_indices(x, 2);
  EXPECT_EQ(indices.dtype(), kInt64);
  EXPECT_EQ(numbers(out), (std::vector<double>{9, 7}));
  EXPECT_EQ(numbers(indices), (std::vector<double>{1, 6}));  // the first of the two sevens
}

TEST(PoolOp, UnbatchedImagesGiveUnbatchedResults) {
  const Tensor x = hashed({3, 6, 6}, 1);
  EXPECT_EQ(max_pool2d(x, 2).sizes(), (DimVector{3, 3, 3}));
  EXPECT_LE(difference(avg_pool2d(x, 3), squeeze(avg_pool2d(unsqueeze(x, 0), 3), 0)), 0);
  EXPECT_EQ(adaptive_avg_pool2d(x, {1, 2}).sizes(), (DimVector{3, 1, 2}));
}

TEST(PoolOp, GradientOfAnExpandedCotangent) {
  const Tensor x = hashed({2, 3, 4, 4}, 1);
  const Tensor out = max_pool2d(x, 2);
  out.backward(expand(ones({1}, kFloat64), out.sizes()));
  double total = 0;
  for (const double g : numbers(x.grad())) total += g;
  EXPECT_LE(std::abs(total - static_cast<double>(out.numel())), 0);
}

TEST(PoolOp, ErrorsNameTheShapes) {
  EXPECT_EQ(message_of<ShapeError>([] {
              max_pool2d(hashed({1, 2, 2, 2}, 1), 3);
            }),
            "max_pool2d: input [1, 2, 2, 2] is smaller than the window: kernel_size [3, 3], dilation [1, 1], padding [0, 0].");
  EXPECT_EQ(message_of<ShapeError>([] {
              avg_pool2d(hashed({2, 2}, 1), 3);
            }),
            "avg_pool2d: input of shape [2, 2] is neither [C, H, W] nor [N, C, H, W].");
  EXPECT_EQ(message_of<ValueError>([] {
              max_pool2d(hashed({1, 2, 8, 8}, 1), 2, 2, 2);
            }),
            "max_pool2d: padding [2] is more than half of kernel_size [2].");
  EXPECT_NE(message_of<ValueError>([] { max_pool2d(hashed({1, 2, 8, 8}, 1), {2, 2, 2}); }), "");
  EXPECT_NE(message_of<TypeError>([] { max_pool2d(zeros({1, 2, 8, 8}, kInt64), 2); }), "");
}

}  // namespace
}  // namespace tessera
