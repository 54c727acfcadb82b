#include "data/resample.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "core/error.h"
#include "tests/data/coordinates.h"

namespace tessera::data {
namespace {

TEST(Resize, KeepsConstantsAndTheSameSize) {
  const Image grey(7, 5, 3, 77);
  for (const auto& [height, width] : {std::pair{1, 1}, {3, 2}, {7, 5}, {14, 20}, {100, 1}})
    EXPECT_EQ(resize_bilinear(grey, height, width), Image(height, width, 3, 77));
  const Sample sample = coordinates(6, 9);
  EXPECT_EQ(resize_bilinear(sample.image, 6, 9), sample.image);
  EXPECT_EQ(resize_nearest(sample.label, 6, 9), sample.label);
}

TEST(Resize, MatchesTheFormula) {
  Image pair(1, 2, 1);
  pair.pixels = {0, 100};
  EXPECT_EQ(resize_bilinear(pair, 1, 4).pixels, (std::vector<uint8_t>{0, 25, 75, 100}));  // centres at -0.25, 0.25, 0.75, 1.25
  Image four(1, 4, 1);
  four.pixels = {0, 80, 160, 240};
  // Halving: weights 1/8, 3/8, 3/8, 1/8 around the output centre, at the border the first three over their sum 7/8.
  EXPECT_EQ(resize_bilinear(four, 1, 2).pixels, (std::vector<uint8_t>{57, 183}));
  Label label(1, 4);
  label.ids = {5, 6, 7, 8};
  EXPECT_EQ(resize_nearest(label, 1, 2).ids, (std::vector<int32_t>{6, 8}));
  EXPECT_EQ(resize_nearest(label, 1, 8).ids, (std::vector<int32_t>{5, 5, 6, 6, 7, 7, 8, 8}));
}

// A picture of 6x8 without structure; three channels are it, three times it plus 40, and 255 minus it.
Image generated(int channels) {
  Image image(6, 8, channels);
  for (int y = 0; y < 6; ++y)
    for (int x = 0; x < 8; ++x) {
      const auto v = static_cast<uint8_t>(y * 37 + x * 91 + y * x * 7);
      const uint8_t values[3] = {v, static_cast<uint8_t>(3 * v + 40), static_cast<uint8_t>(255 - v)};
      std::copy_n(values, channels, image.at(y, x));
    }
  return image;
}

void expect_within_one(const std::vector<uint8_t>& pixels, const std::vector<uint8_t>& expected) {
  ASSERT_EQ(pixels.size(), expected.size());
  for (size_t i = 0; i < pixels.size(); ++i) EXPECT_LE(std::abs(pixels[i] - expected[i]), 1) << "at " << i;
}

// The expected numbers are Pillow 13.0's: Image.resize((width, height), BICUBIC or BILINEAR).
TEST(Resize, IsPillowsToOneGreyLevel) {
  struct Case {
    int height, width;
    Filter filter;
    std::vector<uint8_t> pixels;
  };
  // clang-format off
  const Case cases[] = {
    {9, 5, Filter::kBicubic, {32, 132, 65, 150, 79, 51, 165, 92, 102, 131, 82, 175, 134, 69, 170, 112, 90, 176, 138, 112, 146, 106, 148, 122, 81, 151, 143, 125, 103, 90, 93, 121, 184, 163, 158, 107, 118, 153, 141, 133, 135, 120, 109, 104, 92}},
    {9, 5, Filter::kBilinear, {37, 128, 73, 139, 88, 57, 153, 99, 105, 130, 84, 163, 133, 82, 160, 110, 102, 166, 130, 114, 137, 112, 147, 122, 92, 146, 134, 129, 113, 95, 103, 124, 171, 161, 150, 112, 123, 148, 139, 130, 132, 124, 114, 104, 96}},
    {3, 13, Filter::kBicubic, {13, 53, 121, 183, 162, 55, 97, 157, 117, 91, 89, 129, 159, 87, 131, 180, 103, 88, 164, 164, 140, 128, 115, 104, 108, 113, 174, 116, 49, 113, 160, 158, 142, 129, 143, 137, 117, 124, 131}},
    {3, 13, Filter::kBilinear, {26, 67, 124, 161, 149, 72, 106, 148, 117, 99, 91, 125, 150, 93, 125, 166, 115, 106, 153, 153, 141, 128, 116, 105, 111, 116, 159, 117, 63, 116, 148, 155, 144, 132, 139, 133, 118, 123, 128}},
    {2, 3, Filter::kBicubic, {110, 126, 114, 121, 142, 122}},
    {2, 3, Filter::kBilinear, {113, 123, 115, 119, 141, 124}},
    {6, 4, Filter::kBicubic, {62, 100, 126, 94, 103, 163, 85, 145, 113, 108, 171, 108, 157, 136, 102, 81, 79, 162, 173, 163, 129, 115, 113, 99}},
    {6, 4, Filter::kBilinear, {65, 100, 122, 97, 107, 154, 94, 141, 112, 113, 163, 112, 154, 135, 103, 84, 87, 158, 172, 165, 129, 116, 112, 99}},
  };
  const std::vector<uint8_t> rgb = {18, 86, 237, 137, 117, 118, 147, 105, 108, 70, 60, 185, 140, 101, 115, 72, 133, 183, 149, 158, 106, 78, 65, 177, 161, 132, 94, 95, 140, 160, 173, 154, 82, 110, 91, 145, 129, 88, 126, 111, 158, 144, 127, 149, 128, 130, 125, 125, 136, 68, 119, 149, 132, 106, 149, 118, 106, 83, 72, 172, 136, 156, 119, 155, 142, 100, 59, 145, 196, 156, 119, 99, 139, 95, 116, 130, 165, 125, 140, 89, 115, 112, 151, 143};
  // clang-format on
  for (const Case& c : cases) {
    SCOPED_TRACE(testing::Message() << c.height << "x" << c.width << (c.filter == Filter::kBicubic ? " bicubic" : " bilinear"));
    expect_within_one(resize(generated(1), c.height, c.width, c.filter).pixels, c.pixels);
  }
  expect_within_one(resize_bicubic(generated(3), 4, 7).pixels, rgb);
}

TEST(Resize, BicubicOvershootsAndIsClipped) {
  Image edge(1, 8, 1);
  for (int x = 4; x < 8; ++x) edge.pixels[x] = 200;
  const Image sharp = resize_bicubic(edge, 1, 16);
  EXPECT_GT(*std::max_element(sharp.pixels.begin(), sharp.pixels.end()), 205);
  EXPECT_EQ(sharp.pixels[6], 0) << "below black there is nothing";
}

TEST(Resize, AWindowIsAPartOfTheWhole) {
  for (const Filter filter : {Filter::kBilinear, Filter::kBicubic})
    for (const auto& [height, width] : {std::pair{3, 4}, {6, 8}, {17, 5}, {40, 61}}) {
      const Image whole = resize(generated(3), height, width, filter);
      const Window window{height / 3, width / 4, height - height / 3 - 1, width / 2};
      const Image part = resize(generated(3), height, width, filter, window);
      for (int y = 0; y < window.height; ++y)
        for (int x = 0; x < window.width; ++x)
          for (int c = 0; c < 3; ++c) ASSERT_EQ(part.at(y, x)[c], whole.at(window.y + y, window.x + x)[c]);
    }
  EXPECT_THROW(resize(generated(1), 4, 4, Filter::kBilinear, {1, 0, 4, 4}), ValueError);
  EXPECT_THROW(resize(generated(1), 0, 4, Filter::kBilinear), ValueError);
  EXPECT_THROW(resize_nearest(Label(4, 4), 4, -1), ValueError);
}

}  // namespace
}  // namespace tessera::data
