#include "data/color.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <set>

#include "tests/data/coordinates.h"

namespace tessera::data {
namespace {

TEST(ColorJitter, DoesNothingAtZeroAndWhatItSaysOtherwise) {
  RandomStream stream{7};
  Sample sample = coordinates(9, 9);
  EXPECT_EQ(ColorJitter{}(sample, stream).image, sample.image);
  const Sample grey{Image(4, 4, 3, 100), Label(4, 4), ""};
  std::set<uint8_t> values;
  for (int i = 0; i < 200; ++i) {
    const Image out = ColorJitter{0.2, 0.3, 0.4}(grey, stream).image;  // of one grey: only brightness shows
    EXPECT_EQ(out, Image(4, 4, 3, out.pixels[0]));
    values.insert(out.pixels[0]);
  }
  EXPECT_TRUE(*values.begin() >= 80 && *values.begin() <= 83 && *values.rbegin() <= 120 && *values.rbegin() >= 117);
  EXPECT_EQ(ColorJitter({0.5, 0.5, 0.5})(sample, stream).label, sample.label);
}

TEST(ColorJitter, WithoutSaturationIsTheSameAsWithALittle) {
  Sample sample = coordinates(40, 50);
  for (uint64_t seed = 0; seed < 20; ++seed) {
    RandomStream a{seed}, b{seed};
    const Image table = ColorJitter{0.4, 0.4, 0}(sample, a).image, formula = ColorJitter{0.4, 0.4, 1e-9}(sample, b).image;
    EXPECT_EQ(a.next(), b.next());
    for (size_t i = 0; i < table.pixels.size(); ++i) ASSERT_LE(std::abs(table.pixels[i] - formula.pixels[i]), 1);
  }
}

// The expected numbers are those of OpenCV 4's cvtColor with COLOR_RGB2HSV and COLOR_HSV2RGB, which rounds differently in places.
TEST(Hsv, IsOpenCvsToOneLevel) {
  const std::vector<std::pair<Color, Hsv>> colors = {{{255, 0, 0}, {0, 255, 255}},     {{0, 255, 0}, {60, 255, 255}},
                                                     {{0, 0, 255}, {120, 255, 255}},   {{10, 200, 30}, {63, 242, 200}},
                                                     {{201, 17, 99}, {167, 233, 201}}, {{128, 128, 128}, {0, 0, 128}},
                                                     {{250, 249, 7}, {30, 248, 250}},  {{3, 2, 1}, {15, 170, 3}},
                                                     {{90, 10, 200}, {133, 242, 200}}, {{255, 254, 255}, {150, 1, 255}}};
  for (const auto& [rgb, hsv] : colors) {
    const Hsv made = to_hsv(rgb[0], rgb[1], rgb[2]);
    EXPECT_LE(std::abs(made.hue - hsv.hue), 1);
    EXPECT_LE(std::abs(made.saturation - hsv.saturation), 1);
    EXPECT_EQ(made.value, hsv.value);
  }
  const std::vector<std::pair<Hsv, Color>> back = {
      {{37, 153, 255}, {219, 255, 102}}, {{97, 153, 255}, {102, 219, 255}}, {{157, 153, 255}, {255, 102, 219}},
      {{100, 145, 200}, {86, 162, 200}}, {{24, 139, 201}, {201, 179, 91}},  {{37, 0, 128}, {128, 128, 128}},
      {{67, 148, 250}, {105, 250, 139}}, {{52, 102, 3}, {2, 3, 2}},         {{170, 145, 200}, {200, 86, 124}}};
  for (const auto& [hsv, rgb] : back)
    for (int c = 0; c < 3; ++c) EXPECT_LE(std::abs(to_rgb(hsv)[c] - rgb[c]), 1) << int(hsv.hue);
}

TEST(HsvJitter, StaysInItsRangesAndLeavesGreysGrey) {
  RandomStream stream{7};
  const Sample grey{Image(2, 2, 3, 100), Label(2, 2), ""};
  Sample red{Image(1, 1), Label(1, 1), ""};
  red.image.pixels = {200, 50, 50};
  std::set<int> hues, values;
  for (int i = 0; i < 300; ++i) {
    const Image out = HsvJitter{}(grey, stream).image;
    EXPECT_EQ(out, Image(2, 2, 3, out.pixels[0]));
    values.insert(out.pixels[0]);
    const Image turned = HsvJitter{0.1, 0, 0}(red, stream).image;
    EXPECT_LE(std::abs(to_hsv(turned.pixels[0], turned.pixels[1], turned.pixels[2]).hue), 1) << "hue 0 times anything is 0";
  }
  EXPECT_GE(*values.begin(), 69);
  EXPECT_LE(*values.rbegin(), 130);
  EXPECT_LE(*values.begin(), 73);
  EXPECT_GE(*values.rbegin(), 126);
  EXPECT_EQ(HsvJitter{}(coordinates(9, 9), stream).label, coordinates(9, 9).label);
}

}  // namespace
}  // namespace tessera::data
