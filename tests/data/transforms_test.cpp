#include "data/transforms.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "core/error.h"
#include "tests/data/coordinates.h"

namespace tessera::data {
namespace {

TEST(RandomStream, IsDecidedByItsKeys) {
  RandomStream a{1, 2, 3}, b{1, 2, 3}, c{1, 3, 2};
  const uint64_t first = a.next();
  EXPECT_EQ(first, b.next());
  EXPECT_NE(first, c.next());
  EXPECT_NE(first, a.next());
  RandomStream fixed{0};
  EXPECT_EQ(fixed.next(), 0x568A9B0B1A2C05ECull) << "the stream changed: every seed now means other data";
}

TEST(RandomStream, IsUniform) {
  RandomStream stream{42};
  double sum = 0;
  std::array<int, 6> dice{};
  const int count = 60000;
  for (int i = 0; i < count; ++i) {
    const double u = stream.uniform();
    ASSERT_TRUE(u >= 0 && u < 1);
    sum += u;
    ++dice.at(stream.integer(0, 5));
  }
  EXPECT_LE(std::fabs(sum / count - 0.5), 5 * std::sqrt(1.0 / 12 / count));
  for (int n : dice) EXPECT_LE(std::fabs(n - count / 6.0), 5 * std::sqrt(count / 6.0));
  EXPECT_EQ(stream.integer(7, 7), 7);
}

TEST(Crop, MovesImageAndLabelTogetherAndPads) {
  const Sample sample = coordinates(6, 8);
  const Sample window = crop(sample, -1, 5, 4, 5, 255);
  for (int y = 0; y < 4; ++y)
    for (int x = 0; x < 5; ++x) {
      const int from_y = y - 1, from_x = x + 5;
      const bool inside = from_y >= 0 && from_x < 8;
      EXPECT_EQ(window.label.at(y, x), inside ? 100 * from_y + from_x : 255);
      EXPECT_EQ(window.image.at(y, x)[0], inside ? from_y : kPaddingGrey);
      EXPECT_EQ(window.image.at(y, x)[1], inside ? from_x : kPaddingGrey);
    }
  EXPECT_EQ(window.name, "s");
  for (const auto& [y, x] : {std::pair{100, 0}, {0, 100}, {-100, 0}, {0, -100}}) {
    const Sample outside = crop(sample, y, x, 3, 3, 9);
    EXPECT_EQ(outside.label, Label(3, 3, 9));
    EXPECT_EQ(outside.image, Image(3, 3, 3, kPaddingGrey));
  }
}

TEST(RandomCrop, ReachesEveryPlaceAndKeepsSmallPicturesWhole) {
  RandomStream stream{1};
  std::set<int32_t> corners;
  for (int i = 0; i < 300; ++i) corners.insert(RandomCrop{4, 6}(coordinates(6, 8), stream).label.at(0, 0));
  EXPECT_EQ(corners.size(), 9u);
  for (int i = 0; i < 50; ++i) {
    const Sample larger = RandomCrop{5, 9, 7777}(coordinates(3, 4), stream);
    EXPECT_EQ(larger.image.height, 5);
    EXPECT_EQ(larger.image.width, 9);
    EXPECT_EQ(std::count(larger.label.ids.begin(), larger.label.ids.end(), 7777), 5 * 9 - 3 * 4);
  }
}

TEST(RandomScaledCrop, IsScaleThenCrop) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    RandomStream a{seed}, b{seed};
    const Sample fused = RandomScaledCrop{0.4, 2.5, 13, 17, 99}(coordinates(12, 19), a);
    const Sample apart = RandomCrop{13, 17, 99}(RandomScale{0.4, 2.5}(coordinates(12, 19), b), b);
    ASSERT_EQ(fused.image, apart.image) << seed;
    ASSERT_EQ(fused.label, apart.label) << seed;
    ASSERT_EQ(a.next(), b.next());
  }
}

TEST(RandomHorizontalFlip, MirrorsBothOrNeither) {
  RandomStream stream{3};
  const Sample sample = coordinates(3, 5);
  EXPECT_EQ(RandomHorizontalFlip{0}(sample, stream).label, sample.label);
  const Sample flipped = RandomHorizontalFlip{1}(sample, stream);
  for (int y = 0; y < 3; ++y)
    for (int x = 0; x < 5; ++x) {
      EXPECT_EQ(flipped.label.at(y, x), sample.label.at(y, 4 - x));
      EXPECT_EQ(flipped.image.at(y, x)[1], 4 - x);
    }
  EXPECT_EQ(RandomHorizontalFlip{1}(flipped, stream).image, sample.image);
}

TEST(RandomVerticalFlip, TurnsBothUpsideDown) {
  RandomStream stream{3};
  const Sample sample = coordinates(5, 4);
  const Sample flipped = RandomVerticalFlip{1}(sample, stream);
  for (int y = 0; y < 5; ++y)
    for (int x = 0; x < 4; ++x) {
      EXPECT_EQ(flipped.label.at(y, x), sample.label.at(4 - y, x));
      EXPECT_EQ(flipped.image.at(y, x)[0], 4 - y);
    }
  EXPECT_EQ(RandomVerticalFlip{0}(sample, stream).image, sample.image);
}

TEST(RandomScale, StaysInItsRange) {
  RandomStream stream{5};
  int smallest = 1000, largest = 0;
  for (int i = 0; i < 200; ++i) {
    const Sample scaled = RandomScale{0.5, 2}(coordinates(20, 30), stream);
    EXPECT_EQ(scaled.label.height, scaled.image.height);
    EXPECT_LE(std::abs(scaled.image.width - 1.5 * scaled.image.height), 1.3) << "both sides by one factor";
    smallest = std::min(smallest, scaled.image.height);
    largest = std::max(largest, scaled.image.height);
  }
  EXPECT_TRUE(smallest >= 10 && smallest <= 11 && largest <= 40 && largest >= 39) << smallest << " " << largest;
  EXPECT_THROW((RandomScale{0, 1}(coordinates(2, 2), stream)), ValueError);
}

TEST(PadToMultiple, PadsBelowAndOnTheRight) {
  RandomStream stream{9};
  const Sample padded = PadToMultiple{16}(coordinates(17, 32), stream);
  EXPECT_EQ(padded.image.height, 32);
  EXPECT_EQ(padded.image.width, 32);
  EXPECT_EQ(padded.label.at(16, 31), 1631);
  EXPECT_EQ(padded.label.at(17, 0), 255);
  EXPECT_EQ(PadToMultiple{8}(coordinates(16, 8), stream).label, coordinates(16, 8).label);
}

TEST(Compose, AppliesInOrderFromOneStream) {
  const Compose both{{RandomScale{0.5, 2}, RandomCrop{8, 8}}};
  RandomStream a{11}, b{11};
  const Sample composed = both(coordinates(20, 20), a);
  const Sample by_hand = RandomCrop{8, 8}(RandomScale{0.5, 2}(coordinates(20, 20), b), b);
  EXPECT_EQ(composed.image, by_hand.image);
  EXPECT_EQ(composed.label, by_hand.label);
}

}  // namespace
}  // namespace tessera::data
