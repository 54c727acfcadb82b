#include "data/paste.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "data/transforms.h"
#include "tests/data/coordinates.h"

namespace tessera::data {
namespace {

TEST(Paste, IsResizeThenCropOntoGrey) {
  const Sample sample = coordinates(7, 9);
  for (const auto& [y, x] : {std::pair{0, 0}, {2, 3}, {-4, -5}, {3, -2}, {-100, 0}, {0, 100}}) {
    const Sample placed = paste(sample, 12, 15, y, x, 10, 11, 99);
    const Sample large{resize_bicubic(sample.image, 12, 15), resize_nearest(sample.label, 12, 15), "s"};
    const Sample expected = crop(large, -y, -x, 10, 11, 99);
    EXPECT_EQ(placed.image, expected.image) << y << " " << x;
    EXPECT_EQ(placed.label, expected.label) << y << " " << x;
  }
}

TEST(RandomAspectPaste, AspectScaleAndPlaceStayInTheirRanges) {
  const Sample sample{Image(40, 60, 3, 200), Label(40, 60, 1), "s"};
  RandomStream stream{1};
  double narrowest = 10, widest = 0, smallest = 10;
  for (int i = 0; i < 400; ++i) {
    RandomAspectPaste small{100, 100};
    small.high = 0.9;  // the whole picture is on the canvas
    const Sample placed = small(sample, stream);
    int height = 0, width = 0, pixels = 0;
    for (int y = 0; y < 100; ++y) {
      const auto row = placed.label.ids.begin() + y * 100;
      const auto covered = static_cast<int>(std::count(row, row + 100, 1));
      pixels += covered;
      height += covered > 0;
      width = std::max(width, covered);
    }
    ASSERT_EQ(pixels, height * width) << "a rectangle";
    for (int p = 0; p < 100 * 100; ++p)
      ASSERT_EQ(placed.image.pixels[3 * p], placed.label.ids[p] == 1 ? 200 : kPaddingGrey) << "picture and label agree";
    if (height < 20 || width < 20) continue;
    const double aspect = static_cast<double>(width) / height / 1.5;
    narrowest = std::min(narrowest, aspect);
    widest = std::max(widest, aspect);
    smallest = std::min(smallest, std::max(height, width) / 100.0);
  }
  EXPECT_GE(narrowest, 0.7 / 1.3 * 0.95);
  EXPECT_LE(widest, 1.3 / 0.7 * 1.05);
  EXPECT_LE(narrowest, 0.7) << "300 draws come near the ends";
  EXPECT_GE(widest, 1.4);
  EXPECT_GE(smallest, 0.24);
  EXPECT_LE(smallest, 0.3);
}

TEST(RandomAspectPaste, FlipsHalfOfThem) {
  Sample sample{Image(20, 20), Label(20, 20), "s"};
  for (int y = 0; y < 20; ++y)
    for (int x = 0; x < 20; ++x) sample.label.at(y, x) = x < 10 ? 1 : 2;
  RandomStream stream{2};
  int mirrored = 0;
  for (int i = 0; i < 400; ++i) {
    RandomAspectPaste whole{64, 64};
    whole.high = 0.9;
    const Sample placed = whole(sample, stream);
    const auto first = std::find_if(placed.label.ids.begin(), placed.label.ids.end(), [](int id) { return id != 255; });
    mirrored += *first == 2;
  }
  EXPECT_LE(std::abs(mirrored - 200), 5 * 10) << "five standard deviations";
  EXPECT_THROW((RandomAspectPaste{8, 8, 255, 1.0}(sample, stream)), ValueError);
}

TEST(LetterBox, KeepsTheAspectInTheMiddle) {
  RandomStream stream{3};
  const Sample wide{Image(20, 40, 3, 10), Label(20, 40, 3), "s"};
  const Sample boxed = LetterBox{32, 32}(wide, stream);
  for (int y = 0; y < 32; ++y)
    for (int x = 0; x < 32; ++x) {
      const bool inside = y >= 8 && y < 24;
      ASSERT_EQ(boxed.label.at(y, x), inside ? 3 : 255);
      ASSERT_EQ(boxed.image.at(y, x)[1], inside ? 10 : kPaddingGrey);
    }
  for (int size = 1; size < 60; ++size)  // the fitting side fills the canvas, whatever the rounding
    EXPECT_NE((LetterBox{49, 49}(Sample{Image(size, size), Label(size, size, 1), ""}, stream).label.at(48, 48)), 255) << size;
  EXPECT_EQ((LetterBox{20, 40}(wide, stream).image), wide.image);
}

}  // namespace
}  // namespace tessera::data
