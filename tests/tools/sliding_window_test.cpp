#include "tools/sliding_window.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/allocator.h"
#include "core/ops.h"
#include "data/batch.h"
#include "data/shapes.h"

namespace tessera::tools {
namespace {

// All rows that slide() emits, [1, C, H, W]; checks that they come in order and without gaps.
Tensor whole(const data::Image& image, const SlidingWindow& window, const std::function<Tensor(const Tensor&)>& network) {
  std::vector<Tensor> rows;
  int64_t next = 0;
  slide(image, data::ClassInfo{}, window, network, [&](int y, const Tensor& p) {
    EXPECT_EQ(y, next);
    next += p.size(2);
    rows.push_back(p.clone());
  });
  EXPECT_EQ(next, image.height);
  return rows.size() == 1 ? rows[0] : cat(rows, 2);
}

double largest(const Tensor& x) { return x.abs().max().item<double>(); }

TEST(SlidingWindow, StartsCoverTheSideWithAtLeastTheOverlap) {
  EXPECT_EQ(tile_starts(10, 10, 0.5), (std::vector<int>{0}));
  EXPECT_EQ(tile_starts(7, 10, 0.5), (std::vector<int>{0}));
  EXPECT_EQ(tile_starts(20, 10, 0), (std::vector<int>{0, 10}));
  EXPECT_EQ(tile_starts(21, 10, 0), (std::vector<int>{0, 5, 11}));
  for (int length = 1; length < 60; ++length)
    for (const int tile : {1, 2, 7, 16})
      for (const double overlap : {0.0, 0.25, 0.5, 0.9}) {
        const std::vector<int> starts = tile_starts(length, tile, overlap);
        ASSERT_EQ(starts.front(), 0);
        ASSERT_EQ(starts.back(), std::max(0, length - tile));
        for (size_t i = 1; i < starts.size(); ++i) {
          const int step = starts[i] - starts[i - 1];
          ASSERT_GE(step, 1);
          ASSERT_LE(step, std::max(1, static_cast<int>(tile * (1 - overlap)))) << length << " " << tile << " " << overlap;
        }
      }
  EXPECT_THROW(tile_starts(10, 4, 1.0), ValueError);
  EXPECT_THROW(tile_starts(10, 0, 0.5), ValueError);
}

// A network that looks at each pixel alone gives the same in any tiles.
TEST(SlidingWindow, TilesOfAPointwiseNetworkGiveTheWholePicture) {
  const data::Image image = data::draw_scene(3, 0, 45, 61).image;
  const auto pointwise = [](const Tensor& x) { return softmax(x * 2.0, 1); };
  const Tensor expected = pointwise(data::to_tensor(image, data::ClassInfo{}));
  for (const Size tile : {Size{16, 16}, Size{45, 20}, Size{20, 61}, Size{7, 100}})
    for (const double overlap : {0.0, 0.25, 0.7})
      for (const int64_t batch : {1, 3}) {
        const Tensor p = whole(image, {tile, overlap, batch}, pointwise);
        ASSERT_EQ(p.sizes(), expected.sizes());
        // A weighted mean of equal numbers in [0, 1]: some roundings of float32, as many as tiles over a pixel.
        EXPECT_LE(largest(p - expected), 1e-5) << tile.height << "x" << tile.width << " " << overlap;
      }
}

TEST(SlidingWindow, OneTileIsThePictureItselfBitForBit) {
  const data::Image image = data::draw_scene(3, 0, 24, 31).image;
  int calls = 0;
  const auto network = [&](const Tensor& x) {
    ++calls;
    return softmax(x, 1);
  };
  const Tensor p = whole(image, {{64, 64}, 0.5, 2}, network);
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(largest(p - softmax(data::to_tensor(image, data::ClassInfo{}), 1)), 0.0);
}

// A network whose answer depends on the tile alone: pasted tiles would jump by 1 where they meet.
TEST(SlidingWindow, NeighbouringTilesPassIntoEachOther) {
  const data::Image image(32, 200);
  double answer = 0;
  const auto network = [&](const Tensor& x) {
    answer = 1 - answer;
    return full({x.size(0), 1, x.size(2), x.size(3)}, answer);
  };
  const Tensor p = whole(image, {{32, 32}, 0.5, 1}, network);
  const double jump = largest(p.narrow(3, 1, 199) - p.narrow(3, 0, 199));
  // Over the 16 pixels of an overlap the weight moves by sin^2, at most pi / 32 a pixel; where three tiles meet, twice that.
  EXPECT_LE(jump, 2 * 3.1416 / 32);
  EXPECT_GE(largest(p), 0.9);
}

TEST(SlidingWindow, WhatItKeepsDoesNotGrowWithTheHeight) {
  const auto network = [](const Tensor& x) { return softmax(x, 1); };
  const auto peak_above_start = [&](int height) {
    const data::Image image(height, 96);
    const int64_t before = memory_stats().allocated;
    reset_peak_memory_stats();
    slide(image, data::ClassInfo{}, {{32, 32}, 0.25, 2}, network, [](int, const Tensor&) {});
    return memory_stats().peak_allocated - before;
  };
  EXPECT_LE(peak_above_start(4000), peak_above_start(200));
}

}  // namespace
}  // namespace tessera::tools
