// Into how many parts a GPU's kernel cuts a sum (kernels/conv2d/sum_parts.h).
#include "kernels/conv2d/sum_parts.h"

#include <gtest/gtest.h>

namespace tessera::kernels {
namespace {

constexpr int64_t kSlots = 132;  // multiprocessors of an H100

TEST(SumParts, AreOneWhereTilesFillTheDevice) {
  EXPECT_EQ(parts_of_sum(/*tiles=*/1000, /*steps=*/64, /*elements=*/10'000'000, kSlots, /*step_us=*/1), 1);
  EXPECT_EQ(parts_of_sum(132, 64, 1'000'000, kSlots, 1), 1);
}

// 8 tiles of 8 long steps: the deep layers of a single picture.
TEST(SumParts, FillTheDeviceWhereTilesDoNot) {
  const int parts = parts_of_sum(/*tiles=*/8, /*steps=*/8, /*elements=*/76'800, kSlots, /*step_us=*/3.1);
  EXPECT_GE(parts, 4);
  EXPECT_LE(parts, 8) << "no part may be empty";
}

TEST(SumParts, AreNeverMoreThanStepsAndNoneIsEmpty) {
  for (int64_t tiles : {1, 3, 16, 100})
    for (int64_t steps : {1, 2, 5, 17, 100, 1000}) {
      const int64_t parts = parts_of_sum(tiles, steps, 1000, kSlots, 0.5);
      ASSERT_GE(parts, 1);
      ASSERT_LE(parts, steps);
      const int64_t part_steps = (steps + parts - 1) / parts;
      EXPECT_LT((parts - 1) * part_steps, steps) << parts << " parts of " << steps << " steps: the last one is empty";
    }
  EXPECT_EQ(parts_of_sum(1, /*steps=*/0, 1000, kSlots, 1), 1);
}

// A second launch is worth it for a long sum, and not for a short one.
TEST(SumParts, PayForTheLaunchThatAddsThem) {
  EXPECT_GT(parts_of_sum(/*tiles=*/32, /*steps=*/16, /*elements=*/100'800, kSlots, /*step_us=*/1.5, /*add_us=*/3), 1);
  EXPECT_GT(parts_of_sum(32, 2, 100'800, kSlots, 1, /*add_us=*/0), 1);
  EXPECT_EQ(parts_of_sum(32, 2, 100'800, kSlots, 1, /*add_us=*/3), 1);
}

}  // namespace
}  // namespace tessera::kernels
