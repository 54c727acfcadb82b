#include "data/shapes.h"

#include <gtest/gtest.h>

#include <set>

#include "core/error.h"

namespace tessera::data {
namespace {

constexpr uint64_t kFirstScene = 1724869669977174088ull;  // of seed 0, 64x64

uint64_t hash(const Sample& sample) {  // FNV-1a
  uint64_t h = 0xCBF29CE484222325;
  const auto add = [&](uint8_t byte) { h = (h ^ byte) * 0x100000001B3; };
  for (uint8_t v : sample.image.pixels) add(v);
  for (int32_t v : sample.label.ids) add(static_cast<uint8_t>(v));
  return h;
}

TEST(Shapes, TheSameSceneEverywhere) {
  EXPECT_EQ(hash(draw_scene(7, 3, 64, 96)), hash(draw_scene(7, 3, 64, 96)));
  EXPECT_NE(hash(draw_scene(7, 3, 64, 96)), hash(draw_scene(7, 4, 64, 96)));
  EXPECT_NE(hash(draw_scene(7, 3, 64, 96)), hash(draw_scene(8, 3, 64, 96)));
  EXPECT_EQ(hash(draw_scene(0, 0, 64, 64)), kFirstScene)
      << "the scenes changed: figures measured on them do not compare any more";
}

TEST(Shapes, EveryClassIsOftenSeen) {
  const ShapesDataset data(Split::train, {.count = 200});
  std::vector<int64_t> pixels(data.classes().num_classes()), scenes(pixels.size());
  for (int64_t i = 0; i < data.size(); ++i) {
    const Sample sample = data.read(i);
    std::set<int32_t> seen;
    for (int32_t id : sample.label.ids) {
      ASSERT_TRUE(id >= 0 && id < data.classes().num_classes());
      ++pixels[id];
      seen.insert(id);
    }
    for (int32_t id : seen) ++scenes[id];
  }
  EXPECT_GE(data.classes().num_classes(), 7);
  for (size_t c = 0; c < pixels.size(); ++c) {
    EXPECT_GE(scenes[c], 60) << data.classes().names[c];
    EXPECT_GE(pixels[c], 200 * 64 * 64 / 50) << data.classes().names[c];
  }
}

TEST(Shapes, SplitsAndScenesDiffer) {
  const ShapesDataset train(Split::train, {.count = 50}), val(Split::val, {.count = 50});
  std::set<uint64_t> hashes;
  for (int64_t i = 0; i < 50; ++i) {
    hashes.insert(hash(train.read(i)));
    hashes.insert(hash(val.read(i)));
  }
  EXPECT_EQ(hashes.size(), 100u);
}

TEST(Shapes, AnySizeAndClearLimits) {
  for (const auto& [height, width] : {std::pair{16, 16}, {17, 40}, {128, 96}}) {
    const Sample sample = draw_scene(1, 2, height, width);
    EXPECT_EQ(sample.image.height, height);
    EXPECT_EQ(sample.label.width, width);
  }
  EXPECT_THROW(draw_scene(1, 2, 8, 64), ValueError);
  EXPECT_THROW(ShapesDataset(Split::val, {.count = 3}).read(3), IndexError);
}

}  // namespace
}  // namespace tessera::data
