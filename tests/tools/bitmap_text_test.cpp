#include "tools/bitmap_text.h"

#include <gtest/gtest.h>

namespace tessera::tools {
namespace {

constexpr data::Color kBlack = {0, 0, 0}, kWhite = {255, 255, 255};

// The picture as rows of '#' (dark) and '.'.
std::vector<std::string> rows_of(const data::Image& image) {
  std::vector<std::string> rows(image.height);
  for (int y = 0; y < image.height; ++y)
    for (int x = 0; x < image.width; ++x) rows[y] += image.at(y, x)[0] < 128 ? '#' : '.';
  return rows;
}

TEST(BitmapText, DrawsLettersAsTheFontHasThem) {
  data::Image image(9, 13, 3, 255);
  draw_text(image, 0, 0, "Lg", kBlack, 1);
  EXPECT_EQ(rows_of(image), (std::vector<std::string>{"#............",  //
                                                      "#............",  //
                                                      "#......####..",  //
                                                      "#.....#...#..",  //
                                                      "#.....#...#..",  //
                                                      "#.....#...#..",  //
                                                      "#####..####..",  //
                                                      "..........#..",  //
                                                      ".......###..."}));
}

TEST(BitmapText, TurnedTextIsTheSameTextTurned) {
  data::Image flat(18, 48, 3, 255), turned(48, 18, 3, 255);
  draw_text(flat, 0, 0, "Sky7", kBlack, 2);
  draw_text_upwards(turned, 48, 0, "Sky7", kBlack, 2);
  for (int y = 0; y < 18; ++y)
    for (int x = 0; x < 48; ++x) ASSERT_EQ(flat.at(y, x)[0], turned.at(47 - x, y)[0]) << y << " " << x;
}

TEST(BitmapText, EveryLetterIsDrawnAndNoTwoLookAlike) {
  std::vector<data::Image> seen;
  for (char c = '!'; c <= '~'; ++c) {
    data::Image image(9, 6, 3, 255);
    draw_text(image, 0, 0, std::string(1, c), kBlack, 1);
    EXPECT_EQ(std::count(seen.begin(), seen.end(), image), 0) << c;
    seen.push_back(image);
  }
}

TEST(BitmapText, OtherLettersAreOneBoxEach) {
  data::Image box(9, 6, 3, 255), umlaut(9, 6, 3, 255);
  draw_text(box, 0, 0, "\x7F", kBlack, 1);
  draw_text(umlaut, 0, 0, "\u00fc", kBlack, 1);
  EXPECT_TRUE(box == umlaut);
  EXPECT_EQ(text_width("\u6c34x", 2), 24);
}

TEST(BitmapText, WhatLiesOutsideIsNotDrawn) {
  data::Image image(4, 4, 3, 255);
  draw_text(image, -3, -3, "W", kBlack, 2);
  draw_text(image, 100, 100, "W", kBlack, 2);
  draw_text_upwards(image, -5, 2, "W", kBlack, 2);
  EXPECT_NE(std::count(image.pixels.begin(), image.pixels.end(), 0), 0);
}

TEST(BitmapText, ShortensWhatDoesNotFit) {
  EXPECT_EQ(shorten_text("road", 48, 2), "road");
  EXPECT_EQ(shorten_text("pavement", 60, 2), "pav..");
  EXPECT_EQ(shorten_text("pavement", 13, 2), "p");
  EXPECT_EQ(shorten_text("pavement", 0, 2), "");
}

TEST(BitmapText, ReadableOnBrightAndDark) {
  EXPECT_EQ(readable_on(kWhite), kBlack);
  EXPECT_EQ(readable_on(kBlack), kWhite);
  EXPECT_EQ(readable_on({255, 255, 0}), kBlack);
  EXPECT_EQ(readable_on({0, 0, 200}), kWhite);
}

}  // namespace
}  // namespace tessera::tools
