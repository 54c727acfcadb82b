#include "data/decode_cache.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "core/error.h"
#include "data/loader.h"
#include "data/shapes.h"

namespace tessera::data {
namespace {

Sample numbered(int64_t number) {
  return {Image(4, 4, 3, static_cast<uint8_t>(number)), Label(4, 4, static_cast<int32_t>(number)), "n"};
}

TEST(DecodeCache, KeepsWhatWasUsedLast) {
  const size_t one = DecodeCache::bytes_of(numbered(0));
  DecodeCache cache(3 * one + 1);
  int loads = 0;
  const auto get = [&](int64_t number) {
    return cache.get(number, [&] {
      ++loads;
      return numbered(number);
    });
  };
  for (int64_t number : {1, 2, 3, 1, 4, 1}) EXPECT_EQ(get(number).image, numbered(number).image);  // 2 makes room for 4
  EXPECT_EQ(loads, 4);
  get(3), get(4);
  EXPECT_EQ(loads, 4);
  get(2);
  EXPECT_EQ(loads, 5);
  const DecodeCache::Counts counts = cache.counts();
  EXPECT_EQ(counts.hits, 4);
  EXPECT_EQ(counts.misses, 5);
  EXPECT_EQ(counts.evictions, 2);
  EXPECT_EQ(counts.samples, 3);
  EXPECT_EQ(counts.bytes, 3 * one);
}

TEST(DecodeCache, KeepsNothingThatIsTooLargeOrThrew) {
  DecodeCache none(0);
  EXPECT_EQ(none.get(1, [] { return numbered(1); }).label, numbered(1).label);
  EXPECT_EQ(none.counts().samples, 0);
  DecodeCache cache(1 << 20);
  EXPECT_THROW(cache.get(1, []() -> Sample { throw FileError("unreadable"); }), FileError);
  EXPECT_EQ(cache.counts().samples, 0);
  EXPECT_EQ(cache.get(1, [] { return numbered(1); }).label, numbered(1).label);
}

TEST(DecodeCache, IsUsedByManyThreads) {
  const size_t one = DecodeCache::bytes_of(numbered(0));
  DecodeCache cache(5 * one);
  std::atomic<int64_t> wrong = 0;
  {
    std::vector<std::jthread> threads;
    for (uint64_t t = 0; t < 4; ++t)
      threads.emplace_back([&, t] {
        RandomStream stream{t};
        for (int i = 0; i < 2000; ++i) {
          const int64_t number = stream.integer(0, 9);
          wrong += cache.get(number, [&] { return numbered(number); }).label.ids[0] != number;
        }
      });
  }
  EXPECT_EQ(wrong, 0);
  const DecodeCache::Counts counts = cache.counts();
  EXPECT_EQ(counts.hits + counts.misses, 8000);
  EXPECT_EQ(counts.bytes, counts.samples * one);
  EXPECT_LE(counts.bytes, cache.capacity());
}

TEST(CachedDataset, ReadsOnceAndChangesNothing) {
  const auto data = std::make_shared<ShapesDataset>(Split::train, ShapesOptions{.count = 12, .height = 16, .width = 16});
  const auto cached = std::make_shared<CachedDataset>(data, 1 << 20);
  cached->set_transform(RandomHorizontalFlip{});
  data->set_transform(RandomHorizontalFlip{});
  DataLoader plain(data, {.batch_size = 5, .workers = 0}), loader(cached, {.batch_size = 5, .workers = 3});
  for (int64_t epoch : {0, 1}) {
    plain.start_epoch(epoch);
    loader.start_epoch(epoch);
    while (const auto expected = plain.next()) {
      const auto batch = loader.next();
      EXPECT_TRUE(std::equal(expected->images.data_ptr<float>(), expected->images.data_ptr<float>() + expected->images.numel(),
                             batch->images.data_ptr<float>()));
    }
    EXPECT_FALSE(loader.next());
  }
  EXPECT_EQ(cached->counts().misses, 12);
  EXPECT_EQ(cached->counts().hits, 12);
}

}  // namespace
}  // namespace tessera::data
