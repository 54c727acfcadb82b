#include "data/rotation.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <set>

#include "data/transforms.h"
#include "tests/data/coordinates.h"

namespace tessera::data {
namespace {

TEST(RotateQuarters, TurnsToTheLeft) {
  const Sample sample = coordinates(3, 5);
  const Sample left = rotate_quarters(sample, 1);
  EXPECT_EQ(left.image.height, 5);
  EXPECT_EQ(left.label.at(0, 0), sample.label.at(0, 4)) << "the upper right corner goes to the upper left";
  EXPECT_EQ(left.label.at(4, 0), sample.label.at(0, 0));
  EXPECT_EQ(left.image.at(4, 2)[0], 2);
  EXPECT_EQ(rotate_quarters(sample, 2).label.at(0, 0), sample.label.at(2, 4));
  EXPECT_EQ(rotate_quarters(sample, -1).label.at(0, 0), sample.label.at(2, 0));
  for (int turns = -5; turns < 5; ++turns) {
    const Sample back = rotate_quarters(rotate_quarters(sample, turns), -turns);
    EXPECT_EQ(back.image, sample.image);
    EXPECT_EQ(back.label, sample.label);
  }
}

TEST(Rotate, AgreesWithQuarterTurnsAndFillsTheCorners) {
  const Sample square = coordinates(9, 9);
  for (const int turns : {0, 1, 2, 3}) {
    const Sample turned = rotate(square, 90.0 * turns, 255), exact = rotate_quarters(square, turns);
    EXPECT_EQ(turned.label, exact.label) << turns;
    EXPECT_EQ(turned.image, exact.image) << turns;
  }
  const Sample tilted = rotate(coordinates(40, 40), 45, 7777);
  EXPECT_EQ(tilted.label.at(0, 0), 7777);
  EXPECT_EQ(tilted.image.at(0, 0)[0], kPaddingGrey);
  EXPECT_NE(tilted.label.at(20, 20), 7777);
  // The label's ids are those of pixels, never mixtures; the picture moves with it to half a pixel.
  for (int y = 0; y < 40; ++y)
    for (int x = 0; x < 40; ++x) {
      const int32_t id = tilted.label.at(y, x);
      if (id == 7777) continue;
      EXPECT_LE(std::abs(tilted.image.at(y, x)[0] - id / 100), 1);
      EXPECT_LE(std::abs(tilted.image.at(y, x)[1] - id % 100), 1);
    }
}

TEST(RandomTurns, KeepSizes) {
  RandomStream stream{1};
  std::set<int32_t> corners, corners_of_wide, angles;
  for (int i = 0; i < 200; ++i) {
    corners.insert(RandomQuarterTurns{}(coordinates(4, 4), stream).label.at(0, 0));
    const Sample wide = RandomQuarterTurns{}(coordinates(3, 5), stream);
    EXPECT_EQ(wide.image.width, 5);
    corners_of_wide.insert(wide.label.at(0, 0));
    angles.insert(RandomRotation{30}(coordinates(30, 30), stream).label.at(15, 29));
  }
  EXPECT_EQ(corners, (std::set<int32_t>{0, 3, 300, 303}));
  EXPECT_EQ(corners_of_wide, (std::set<int32_t>{0, 204}));
  EXPECT_GE(angles.size(), 10u);
}

}  // namespace
}  // namespace tessera::data
