#include "data/subset.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "core/error.h"
#include "data/shapes.h"

namespace tessera::data {
namespace {

std::shared_ptr<ShapesDataset> shapes(int64_t count, uint64_t seed = 0) {
  return std::make_shared<ShapesDataset>(Split::train, ShapesOptions{.count = count, .height = 16, .width = 16, .seed = seed});
}

TEST(Subset, GivesTheSamplesAtItsIndices) {
  const auto data = shapes(5);
  SubsetDataset subset(data, {3, 0, 3});
  EXPECT_EQ(subset.size(), 3);
  EXPECT_EQ(subset.read(0).image, data->read(3).image);
  EXPECT_EQ(subset.read(1).name, data->read(0).name);
  EXPECT_EQ(subset.read(2).label, data->read(3).label);
  EXPECT_EQ(subset.classes().names, data->classes().names);
  EXPECT_THROW(SubsetDataset(data, {5}), IndexError);
  EXPECT_THROW(SubsetDataset(data, {-1}), IndexError);
}

TEST(Subset, HasItsOwnTransform) {
  const auto data = shapes(2);
  data->set_transform(Resize{8, 8});
  SubsetDataset subset(data, {1});
  RandomStream stream{1};
  EXPECT_EQ(subset.get(0, stream).image.width, 16);
  subset.set_transform(Resize{4, 4});
  EXPECT_EQ(subset.get(0, stream).image.width, 4);
}

TEST(Concat, GoesThroughItsDataSets) {
  const auto a = shapes(2), b = shapes(0, 1), c = shapes(3, 2);
  const ConcatDataset all({a, b, c});
  ASSERT_EQ(all.size(), 5);
  EXPECT_EQ(all.read(1).image, a->read(1).image);
  EXPECT_EQ(all.read(2).image, c->read(0).image);
  EXPECT_EQ(all.read(4).image, c->read(2).image);
  struct Other : ShapesDataset {
    Other() : ShapesDataset(Split::train, {}) { classes_.ignore_index = 11; }
  };
  EXPECT_THROW(ConcatDataset({a, std::make_shared<Other>()}), ValueError);
  EXPECT_THROW(ConcatDataset({}), ValueError);
}

TEST(RandomSplit, IsDisjointWholeAndBySeed) {
  const auto data = shapes(20);
  const auto parts = random_split(data, {15, 0, 5}, 1);
  ASSERT_EQ(parts.size(), 3u);
  std::vector<int64_t> all;
  for (const auto& part : parts) {
    EXPECT_TRUE(std::is_sorted(part->indices().begin(), part->indices().end()));
    all.insert(all.end(), part->indices().begin(), part->indices().end());
  }
  std::sort(all.begin(), all.end());
  for (int64_t i = 0; i < 20; ++i) EXPECT_EQ(all.at(i), i);
  EXPECT_EQ(parts[2]->size(), 5);
  EXPECT_EQ(random_split(data, {15, 0, 5}, 1)[2]->indices(), parts[2]->indices());
  EXPECT_NE(random_split(data, {15, 0, 5}, 2)[2]->indices(), parts[2]->indices());
  EXPECT_THROW(random_split(data, {15, 4}, 1), ValueError);
  EXPECT_THROW(random_split(data, {21, -1}, 1), ValueError);
}

TEST(RandomSplit, FractionsBecomeSizes) {
  EXPECT_EQ(split_sizes(100, {0.29, 0.71}), (std::vector<int64_t>{29, 71}));
  EXPECT_EQ(split_sizes(10, {0.33, 0.33, 0.34}), (std::vector<int64_t>{4, 3, 3}));
  EXPECT_EQ(split_sizes(0, {0.5, 0.5}), (std::vector<int64_t>{0, 0}));
  EXPECT_EQ(split_sizes(3, {1}), (std::vector<int64_t>{3}));
  EXPECT_THROW(split_sizes(10, {0.5, 0.6}), ValueError);
  EXPECT_THROW(split_sizes(10, {1.5, -0.5}), ValueError);
  EXPECT_THROW(split_sizes(10, {}), ValueError);
}

}  // namespace
}  // namespace tessera::data
