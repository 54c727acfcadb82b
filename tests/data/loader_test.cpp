#include "data/loader.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <limits>
#include <map>
#include <mutex>
#include <set>

#include "core/error.h"
#include "core/ops/creation.h"
#include "core/ops/random.h"
#include "data/shapes.h"

namespace tessera::data {
namespace {

// Small pictures that hold their index. Some indices can be made slow, or throw, or have another size.
class NumberedDataset : public Dataset {
 public:
  explicit NumberedDataset(int64_t count) : count_(count) { classes_.names = {"a", "b"}; }
  int64_t size() const override { return count_; }
  Sample read(int64_t index) const override {
    ++reads;
    if (slow.contains(index)) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    if (bad.contains(index)) throw FileError("sample " + std::to_string(index) + " is bad");
    const int width = wide.contains(index) ? 5 : 4;
    return {Image(3, width, 3, static_cast<uint8_t>(index)), Label(3, width, static_cast<int32_t>(index)), std::to_string(index)};
  }
  mutable std::atomic<int64_t> reads = 0;
  std::set<int64_t> slow, bad, wide;

 private:
  int64_t count_;
};

std::shared_ptr<ShapesDataset> augmented_shapes(int64_t count) {
  auto data = std::make_shared<ShapesDataset>(Split::train, ShapesOptions{.count = count, .height = 32, .width = 32});
  data->set_transform(Compose{{RandomScale{0.7, 1.5}, RandomCrop{24, 28}, RandomHorizontalFlip{}, ColorJitter{0.2, 0.2, 0.2}}});
  return data;
}

std::vector<uint8_t> bytes_of(const Batch& batch) {
  std::vector<uint8_t> bytes(batch.images.nbytes() + batch.labels.nbytes());
  std::memcpy(bytes.data(), batch.images.data_ptr(), batch.images.nbytes());
  std::memcpy(bytes.data() + batch.images.nbytes(), batch.labels.data_ptr(), batch.labels.nbytes());
  for (const std::string& name : batch.names) bytes.insert(bytes.end(), name.begin(), name.end());
  return bytes;
}

std::vector<std::vector<uint8_t>> epoch_bytes(DataLoader& loader, int64_t epoch, int64_t first = 0) {
  std::vector<std::vector<uint8_t>> all;
  loader.start_epoch(epoch, first);
  while (const std::optional<Batch> batch = loader.next()) all.push_back(bytes_of(*batch));
  return all;
}

TEST(Batch, IsNormalisedAndChannelsLast) {
  ClassInfo classes;
  classes.mean = {0.5f, 0.25f, 0};
  classes.std = {0.5f, 0.25f, 2};
  Sample sample{Image(2, 3), Label(2, 3, 7), "s"};
  sample.image.at(1, 2)[0] = 255;
  sample.image.at(1, 2)[1] = 51;
  Batch batch = make_batch(2, 2, 3);
  put_sample(batch, 0, {Image(2, 3, 3, 9), Label(2, 3), "other"}, classes);
  put_sample(batch, 1, sample, classes);
  EXPECT_EQ(batch.images.sizes(), IntArrayRef({2, 3, 2, 3}));
  EXPECT_EQ(batch.labels.sizes(), IntArrayRef({2, 2, 3}));
  EXPECT_TRUE(batch.images.is_contiguous(kChannelsLast));
  EXPECT_EQ(batch.images.dtype(), kFloat32);
  const auto value = [&](int64_t n, int64_t c, int64_t y, int64_t x) {
    const IntArrayRef s = batch.images.strides();
    return batch.images.data_ptr<float>()[n * s[0] + c * s[1] + y * s[2] + x * s[3]];
  };
  EXPECT_FLOAT_EQ(value(1, 0, 1, 2), 1.0f);
  EXPECT_FLOAT_EQ(value(1, 1, 1, 2), -0.2f);
  EXPECT_FLOAT_EQ(value(1, 2, 1, 2), 0.0f);
  EXPECT_FLOAT_EQ(value(1, 0, 0, 0), -1.0f);
  EXPECT_FLOAT_EQ(value(0, 2, 1, 1), 9.0f / 255 / 2);
  EXPECT_EQ(batch.labels.data_ptr<int64_t>()[6], 7);
  EXPECT_EQ(batch.names, (std::vector<std::string>{"other", "s"}));
  EXPECT_THROW(put_sample(batch, 0, {Image(3, 3), Label(3, 3), ""}, classes), ShapeError);
  EXPECT_THROW(put_sample(batch, 2, sample, classes), IndexError);

  const Tensor alone = to_tensor(sample.image, classes);
  EXPECT_EQ(alone.sizes(), IntArrayRef({1, 3, 2, 3}));
  EXPECT_EQ(std::memcmp(alone.data_ptr(), batch.images.data_ptr<float>() + 18, 18 * sizeof(float)), 0);
}

TEST(Batch, OneHotHasAPlaceForIgnoredPixels) {
  ClassInfo classes;
  classes.names = {"a", "b"};
  const Tensor labels = tensor({{{0, 1}, {255, 1}}});
  const Tensor hot = one_hot_labels(labels, classes);
  EXPECT_EQ(hot.sizes(), IntArrayRef({1, 2, 2, 3}));
  const std::vector<float> expected = {1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 1, 0};
  EXPECT_EQ(std::memcmp(hot.data_ptr<float>(), expected.data(), sizeof(float) * expected.size()), 0);
}

TEST(DataLoader, EpochsAreShuffledByTheSeed) {
  std::vector<int64_t> order = epoch_order(100, true, 1, 0);
  EXPECT_EQ(order, epoch_order(100, true, 1, 0));
  EXPECT_NE(order, epoch_order(100, true, 1, 1));
  EXPECT_NE(order, epoch_order(100, true, 2, 0));
  std::sort(order.begin(), order.end());
  EXPECT_EQ(order, epoch_order(100, false, 1, 0));
  EXPECT_TRUE(epoch_order(0, true, 1, 0).empty());
}

TEST(DataLoader, ABatchLargerThanAnyDataSetIsTheWholeOne) {
  DataLoader loader(std::make_shared<NumberedDataset>(3), {.batch_size = std::numeric_limits<int64_t>::max(), .workers = 1});
  EXPECT_EQ(loader.batches(), 1);
  loader.start_epoch(0);
  EXPECT_EQ(loader.next()->labels.size(0), 3);
  EXPECT_FALSE(loader.next().has_value());
}

TEST(DataLoader, AnEpochThatCannotBeOrderedStartsNoWork) {
  const auto data = std::make_shared<NumberedDataset>(int64_t{1} << 60);  // its order does not fit into memory
  DataLoader loader(data, {.workers = 2});
  EXPECT_ANY_THROW(loader.start_epoch(0));
  EXPECT_THROW(loader.next(), ValueError) << "no epoch was started";
  EXPECT_EQ(data->reads, 0);
}

TEST(DataLoader, TheSameBytesWhateverTheWorkers) {
  const auto data = augmented_shapes(23);
  DataLoader alone(data, {.batch_size = 4, .shuffle = true, .workers = 0, .seed = 5});
  const auto first = epoch_bytes(alone, 0), second = epoch_bytes(alone, 1);
  EXPECT_EQ(first.size(), 6u);
  EXPECT_NE(first, second);
  for (int workers : {1, 2, 5})
    for (int64_t prefetch : {1, 3, 100}) {
      DataLoader loader(data, {.batch_size = 4, .shuffle = true, .workers = workers, .prefetch = prefetch, .seed = 5});
      EXPECT_EQ(epoch_bytes(loader, 1), second) << workers << " workers, prefetch " << prefetch;
      EXPECT_EQ(epoch_bytes(loader, 0), first) << workers << " workers, prefetch " << prefetch;
    }
}

TEST(DataLoader, ResumesAtAnyBatch) {
  DataLoader loader(augmented_shapes(17), {.batch_size = 3, .shuffle = true, .workers = 2, .seed = 9});
  const auto whole = epoch_bytes(loader, 4);
  ASSERT_EQ(loader.batches(), 6);
  for (int64_t first = 0; first <= loader.batches(); ++first)
    EXPECT_EQ(epoch_bytes(loader, 4, first), std::vector(whole.begin() + first, whole.end()));
  EXPECT_THROW(loader.start_epoch(0, 7), IndexError);
}

TEST(DataLoader, LastBatchIsShortOrDropped) {
  const auto data = std::make_shared<NumberedDataset>(10);
  for (int workers : {0, 3}) {
    DataLoader keep(data, {.batch_size = 4, .workers = workers}),
        drop(data, {.batch_size = 4, .workers = workers, .drop_last = true});
    std::vector<int64_t> sizes, labels;
    keep.start_epoch(0);
    while (const auto batch = keep.next()) {
      sizes.push_back(batch->images.size(0));
      for (int64_t n = 0; n < batch->labels.size(0); ++n) labels.push_back(batch->labels.data_ptr<int64_t>()[n * 12]);
    }
    EXPECT_EQ(sizes, (std::vector<int64_t>{4, 4, 2}));
    EXPECT_EQ(labels, epoch_order(10, false, 0, 0));
    EXPECT_EQ(drop.batches(), 2);
    drop.start_epoch(0);
    EXPECT_TRUE(drop.next() && drop.next());
    EXPECT_FALSE(drop.next());
    EXPECT_FALSE(drop.next()) << "the end stays the end";
  }
  DataLoader empty(std::make_shared<NumberedDataset>(0), {.workers = 2});
  empty.start_epoch(0);
  EXPECT_FALSE(empty.next());
}

TEST(DataLoader, ErrorsArriveInTheirBatch) {
  const auto data = std::make_shared<NumberedDataset>(12);
  data->bad = {5, 4, 11};
  data->slow = {4};  // the later error happens first
  for (int workers : {0, 4}) {
    DataLoader loader(data, {.batch_size = 3, .workers = workers});
    loader.start_epoch(0);
    EXPECT_EQ(loader.next()->names[0], "0");
    try {
      loader.next();
      ADD_FAILURE() << "nothing was thrown";
    } catch (const FileError& error) {
      EXPECT_STREQ(error.what(), "sample 4 is bad");
    }
    EXPECT_EQ(loader.next()->names[2], "8") << "the epoch goes on";
    EXPECT_THROW(loader.next(), FileError);
    EXPECT_FALSE(loader.next());
  }
}

TEST(DataLoader, DifferentSizesInABatchAreNamed) {
  const auto data = std::make_shared<NumberedDataset>(4);
  data->wide = {1};
  for (int workers : {0, 4}) {
    data->slow = {workers ? 0 : 9};
    DataLoader loader(data, {.batch_size = 2, .workers = workers});
    loader.start_epoch(0);
    try {
      loader.next();
      ADD_FAILURE() << "nothing was thrown";
    } catch (const ShapeError& error) {
      EXPECT_NE(std::string(error.what()).find("0 is 4x3 and 1 is 5x3"), std::string::npos) << error.what();
    }
    EXPECT_TRUE(loader.next());
  }
  DataLoader one_by_one(data, {.batch_size = 1, .workers = 2});
  one_by_one.start_epoch(0);
  EXPECT_EQ(one_by_one.next()->images.size(3), 4);
  EXPECT_EQ(one_by_one.next()->images.size(3), 5);
}

TEST(DataLoader, PrefetchIsBounded) {
  const auto data = std::make_shared<NumberedDataset>(1000);
  DataLoader loader(data, {.batch_size = 2, .workers = 4, .prefetch = 3});
  loader.start_epoch(0);
  loader.next();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_LE(data->reads, 2 * (1 + 3)) << "one batch given and three made ahead";
}

TEST(DataLoader, EndsAndRestartsWhileBusy) {
  const auto data = std::make_shared<NumberedDataset>(500);
  for (int64_t i = 0; i < 500; i += 7) data->slow.insert(i);
  for (int taken = 0; taken < 4; ++taken) {
    DataLoader loader(data, {.batch_size = 3, .shuffle = true, .workers = 4});
    if (taken > 0) loader.start_epoch(0);
    for (int i = 0; i < taken; ++i) EXPECT_TRUE(loader.next());
    if (taken > 1) {
      loader.start_epoch(1);
      EXPECT_EQ(loader.next()->names[0], std::to_string(epoch_order(500, true, 0, 1)[0]));
    }
  }  // destroyed with work under way
}

TEST(DataLoader, TakesAnOrderOfTheCallers) {
  const auto data = std::make_shared<NumberedDataset>(10);
  const auto labels = [](DataLoader& loader, int64_t epoch, int64_t first = 0) {
    std::vector<std::string> names;
    loader.start_epoch(epoch, first);
    while (const auto batch = loader.next()) names.insert(names.end(), batch->names.begin(), batch->names.end());
    return names;
  };
  for (int workers : {0, 3}) {
    LoaderOptions options{.batch_size = 4, .workers = workers};
    options.order = [](int64_t epoch) {
      return weighted_order({0, 0, 1, 1, 1, 0, 0, 0, 0, 0}, 6, true, RandomStream{static_cast<uint64_t>(epoch)});
    };
    DataLoader weighted(data, options);
    EXPECT_EQ(weighted.batches(), 2);
    std::vector<std::string> expected;
    for (const int64_t index : options.order(7)) expected.push_back(std::to_string(index));
    EXPECT_EQ(labels(weighted, 7), expected);
    EXPECT_EQ(labels(weighted, 7, 1), std::vector(expected.begin() + 4, expected.end()));

    options.order = [](int64_t epoch) { return share_of_rank(epoch_order(10, false, 0, epoch), 3, 1, true); };
    DataLoader shared(data, options);
    EXPECT_EQ(labels(shared, 0), (std::vector<std::string>{"4", "5", "6", "7"}));

    options.order = [](int64_t epoch) { return std::vector<int64_t>(epoch == 0 ? 3 : 4, epoch == 2 ? 10 : 0); };
    DataLoader wrong(data, options);
    EXPECT_EQ(labels(wrong, 0).size(), 3u);
    EXPECT_THROW(wrong.start_epoch(1), ValueError) << "longer than epoch 0";
    options.order = [](int64_t) { return std::vector<int64_t>{10}; };
    DataLoader outside(data, options);
    EXPECT_THROW(outside.start_epoch(0), IndexError);
  }
}

TEST(DataLoader, TakesACollateFunction) {
  const auto data = std::make_shared<NumberedDataset>(5);
  data->wide = {1};
  for (int workers : {0, 3}) {
    LoaderOptions options{.batch_size = 2, .workers = workers};
    options.collate = [](std::vector<Sample> samples, const ClassInfo& classes) {  // crops to the smallest
      int width = samples[0].image.width;
      for (const Sample& sample : samples) width = std::min(width, sample.image.width);
      if (samples[0].name == "4") throw ValueError("collate");
      Batch batch = make_batch(static_cast<int64_t>(samples.size()), 3, width);
      for (size_t i = 0; i < samples.size(); ++i)
        put_sample(batch, static_cast<int64_t>(i), crop(samples[i], 0, 0, 3, width, 255), classes);
      return batch;
    };
    DataLoader loader(data, options);
    loader.start_epoch(0);
    EXPECT_EQ(loader.next()->images.size(3), 4);
    EXPECT_EQ(loader.next()->names, (std::vector<std::string>{"2", "3"}));
    EXPECT_THROW(loader.next(), ValueError);
    EXPECT_FALSE(loader.next());
  }
}

TEST(DataLoader, WorkersHaveSeedsOfTheirOwn) {
  const auto seeds = [](uint64_t seed) {
    std::mutex mutex;
    std::map<int64_t, uint64_t> seeds;
    LoaderOptions options{.batch_size = 1, .workers = 3, .seed = seed};
    options.worker_init = [&](int64_t worker, uint64_t of_worker) {
      const std::lock_guard lock(mutex);
      seeds[worker] = of_worker;
    };
    { const DataLoader loader(std::make_shared<NumberedDataset>(3), options); }  // its end waits for the workers
    return seeds;
  };
  const auto first = seeds(1);
  EXPECT_EQ(first.size(), 3u);
  EXPECT_NE(first.at(0), first.at(1));
  EXPECT_EQ(first, seeds(1));
  EXPECT_NE(first, seeds(2));
}

TEST(DataLoader, RandomOpsOfTheDataSetDependOnTheSampleAlone) {
  struct Noise : NumberedDataset {
    using NumberedDataset::NumberedDataset;
    Sample read(int64_t index) const override {
      Sample sample = NumberedDataset::read(index);
      sample.image.pixels[0] = static_cast<uint8_t>(randint(0, 256, {1}).item<int64_t>());
      return sample;
    }
  };
  const auto data = std::make_shared<Noise>(40);
  DataLoader alone(data, {.batch_size = 4, .shuffle = true, .workers = 0}),
      four(data, {.batch_size = 4, .shuffle = true, .workers = 4});
  const auto expected = epoch_bytes(alone, 0);
  EXPECT_EQ(epoch_bytes(four, 0), expected);
  EXPECT_NE(epoch_bytes(four, 1), expected);
}

TEST(DataLoader, RefusesWrongArguments) {
  const auto data = std::make_shared<NumberedDataset>(3);
  EXPECT_THROW(DataLoader(data, {.batch_size = 0}), ValueError);
  EXPECT_THROW(DataLoader(data, {.workers = -1}), ValueError);
  EXPECT_THROW(DataLoader(data, {.prefetch = 0}), ValueError);
  DataLoader loader(data, {});
  EXPECT_THROW(loader.next(), ValueError) << "no epoch was started";
  EXPECT_THROW(loader.start_epoch(-1), ValueError);
}

}  // namespace
}  // namespace tessera::data
