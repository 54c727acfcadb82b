#include "core/ops/interpolate.h"

#include <gtest/gtest.h>

#include "core/gradcheck.h"
#include "tests/support/inputs.h"
#include "tests/support/message_of.h"
#include "tests/support/numbers.h"

namespace tessera {
namespace {

using namespace testing_support;

const MemoryFormat kFormats[] = {kContiguous, kChannelsLast};

TEST(InterpolateOp, GradientsInBothMemoryFormats) {
  for (const MemoryFormat format : kFormats) {
    const TensorList input{hashed({2, 3, 5, 4}, 1, format)};
    for (const DimVector& size : {DimVector{10, 8}, DimVector{3, 7}, DimVector{1, 1}}) {
      EXPECT_NO_THROW(gradcheck([&](const TensorList& in) { return upsample_nearest2d(in[0], size); }, input));
      for (const bool align_corners : {false, true})
        EXPECT_NO_THROW(gradcheck([&](const TensorList& in) { return upsample_bilinear2d(in[0], size, align_corners); }, input));
    }
    EXPECT_NO_THROW(gradcheck(
        [](const TensorList& in) {
          return interpolate(in[0], {.scale_factor = std::vector<double>{1.7, 0.6}, .mode = InterpolateMode::Bilinear});
        },
        input));
  }
}

TEST(InterpolateOp, SizesAndScaleFactors) {
  const Tensor x = hashed({1, 2, 5, 4}, 1, kChannelsLast);
  EXPECT_EQ(interpolate(x, {.size = std::vector<int64_t>{7}}).sizes(), (DimVector{1, 2, 7, 7}));
  EXPECT_EQ(interpolate(x, {.scale_factor = std::vector<double>{1.5}}).sizes(), (DimVector{1, 2, 7, 6}));
  EXPECT_TRUE(interpolate(x, {.scale_factor = std::vector<double>{2, 2}, .mode = InterpolateMode::Bilinear})
                  .is_contiguous(kChannelsLast));
  // The factor 1.5 and the ratio of the sizes, 7 / 5, put the source positions in different places.
  const InterpolateOptions given{.scale_factor = std::vector<double>{1.5}, .mode = InterpolateMode::Bilinear};
  InterpolateOptions recomputed = given;
  recomputed.recompute_scale_factor = true;
  EXPECT_GE(difference(interpolate(x, given), interpolate(x, recomputed)), 1e-3);
  EXPECT_LE(difference(interpolate(x, recomputed), upsample_bilinear2d(x, {7, 6}, false)), 0);
}

TEST(InterpolateOp, TheSameSizeChangesNothing) {
  const Tensor x = hashed({1, 3, 5, 4}, 1);
  EXPECT_LE(difference(upsample_nearest2d(x, {5, 4}), x), 0);
  EXPECT_LE(difference(upsample_bilinear2d(x, {5, 4}, false), x), 0);
  EXPECT_LE(difference(upsample_bilinear2d(x, {5, 4}, true), x), 1e-15);
}

TEST(InterpolateOp, ErrorsSayWhatToGive) {
  const Tensor x = hashed({1, 2, 5, 4}, 1);
  EXPECT_EQ(message_of<ValueError>([&] { interpolate(x, {}); }), "interpolate: give exactly one of size and scale_factor.");
  EXPECT_EQ(message_of<ShapeError>([&] {
              upsample_nearest2d(x, {0, 4});
            }),
            "upsample_nearest2d: input [1, 2, 5, 4] and output size [0, 4] must have at least one pixel.");
  EXPECT_NE(message_of<ValueError>([&] { interpolate(x, {.size = std::vector<int64_t>{7}, .align_corners = true}); }), "");
  EXPECT_NE(message_of<ShapeError>([] { upsample_nearest2d(hashed({2, 5, 4}, 1), {4, 4}); }), "");
}

}  // namespace
}  // namespace tessera
