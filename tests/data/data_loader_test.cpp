#include "data/data_loader.h"

#include <gtest/gtest.h>

#include <atomic>
#include <set>

#include "core/ops.h"
#include "data/example_transforms.h"
#include "tests/support/message_of.h"
#include "tests/support/numbers.h"

namespace tessera::data {
namespace {

using namespace std::chrono_literals;
using samplers::SequentialSampler;
using testing_support::message_of;
using testing_support::numbers;

// The numbers 0, 1, ...; some are slow, some throw. `live` counts the calls under way.
struct Numbers : datasets::Dataset<Numbers, int> {
  explicit Numbers(size_t count) : count(count) {}
  int get(size_t index) override {
    if (slow.contains(index)) std::this_thread::sleep_for(10ms);
    if (bad.contains(index)) throw ValueError("number " + std::to_string(index));
    scratch.assign(100, static_cast<int>(index));  // a race, if workers shared the data set
    for (int value : scratch) EXPECT_EQ(value, static_cast<int>(index));
    return static_cast<int>(index);
  }
  std::optional<size_t> size() const override { return count; }
  size_t count;
  std::set<size_t> slow, bad;
  std::vector<int> scratch;
};

template <class Loader> auto epoch(Loader& loader) {
  std::vector<typename Loader::BatchType> all;
  for (const auto& batch : loader) all.push_back(batch);
  return all;
}

TEST(Datasets, MapAndStackMakeTensors) {
  const auto data = datasets::TensorDataset(arange(6).view({3, 2}))
                        .map(transforms::TensorLambda<example::NoTarget>([](Tensor x) { return x * 10; }))
                        .map(transforms::Stack<TensorExample>());
  auto loader = make_data_loader<SequentialSampler>(data, 2);
  const std::vector<TensorExample> batches = epoch(*loader);
  ASSERT_EQ(batches.size(), 2u);
  EXPECT_EQ(numbers(batches[0]), (std::vector<double>{0, 10, 20, 30}));
  EXPECT_EQ(batches[1].data.sizes(), IntArrayRef({1, 2}));
  EXPECT_EQ(data.size(), 3u);
}

TEST(Datasets, StackKeepsTargetsBeside) {
  struct Squares : datasets::Dataset<Squares> {
    Example<> get(size_t i) override { return {full({2}, double(i)), tensor(int64_t(i * i))}; }
    std::optional<size_t> size() const override { return 5; }
  };
  auto data = Squares().map(transforms::Stack<>());
  const Example<> batch = data.get_batch({1, 4});
  EXPECT_EQ(numbers(batch.data), (std::vector<double>{1, 1, 4, 4}));
  EXPECT_EQ(numbers(batch.target), (std::vector<double>{1, 16}));
}

TEST(Datasets, NormalizeIsByChannel) {
  transforms::Normalize<> one(0.5, 0.25), each({0, 1}, {1, 2});
  EXPECT_EQ(numbers(one(ones({2, 1, 1}))), (std::vector<double>{2, 2}));
  EXPECT_EQ(numbers(each(full({2, 1, 1}, 5.0))), (std::vector<double>{5, 2}));
  EXPECT_EQ(one(ones({3, 4})).sizes(), IntArrayRef({1, 3, 4}));
}

TEST(DataLoaderOfAnything, TheSameBatchesWhateverTheWorkers) {
  Numbers data(23);
  data.slow = {0, 7, 11};
  for (const bool drop_last : {false, true}) {
    std::vector<std::vector<std::vector<int>>> first, second;
    for (size_t workers : {0, 1, 4}) {
      manual_seed(5);
      auto loader = make_data_loader(data, DataLoaderOptions(4).workers(workers).drop_last(drop_last));
      first.push_back(epoch(*loader));
      second.push_back(epoch(*loader));
    }
    EXPECT_EQ(first[0].size(), drop_last ? 5u : 6u);
    EXPECT_NE(first[0], second[0]);
    EXPECT_EQ(first[0], first[1]);
    EXPECT_EQ(first[0], first[2]);
    EXPECT_EQ(second[0], second[1]);
    EXPECT_EQ(second[0], second[2]);
  }
}

TEST(DataLoaderOfAnything, RandomNumbersInTheDataSetDependOnTheBatchAlone) {
  struct Noise : datasets::Dataset<Noise, double> {
    double get(size_t) override { return rand({1}, kFloat64).item<double>(); }
    std::optional<size_t> size() const override { return 40; }
  };
  std::vector<std::vector<std::vector<double>>> epochs;
  double after = 0;
  for (size_t workers : {0, 1, 4}) {
    manual_seed(1);
    auto loader = make_data_loader(Noise{}, DataLoaderOptions(3).workers(workers));
    epochs.push_back(epoch(*loader));
    EXPECT_EQ(epochs.front(), epochs.back());
    EXPECT_NE(epoch(*loader), epochs.back()) << "the next epoch has others";
    const double drawn = rand({1}).item<double>();  // the caller's own numbers are not touched
    if (workers == 0) after = drawn;
    EXPECT_EQ(drawn, after);
  }
  std::set<double> all;
  for (const auto& batch : epochs[0]) all.insert(batch.begin(), batch.end());
  EXPECT_EQ(all.size(), 40u);
}

TEST(DataLoaderOfAnything, WithoutOrderingEveryBatchStillComesOnce) {
  Numbers data(30);
  data.slow = {0, 1, 9};
  auto loader = make_data_loader<SequentialSampler>(data, DataLoaderOptions(3).workers(4).enforce_ordering(false));
  std::multiset<int> all;
  for (const auto& batch : *loader) all.insert(batch.begin(), batch.end());
  EXPECT_EQ(all.size(), 30u);
  EXPECT_EQ(*all.rbegin(), 29);
}

TEST(DataLoaderOfAnything, ExceptionsComeInTheirPlaceAndTheEpochGoesOn) {
  Numbers data(6);
  data.bad = {3};
  for (size_t workers : {0, 3}) {
    auto loader = make_data_loader<SequentialSampler>(data, DataLoaderOptions(2).workers(workers));
    auto batch = loader->begin();
    EXPECT_EQ(*batch, (std::vector<int>{0, 1}));
    if (workers == 0) {
      EXPECT_EQ(message_of<ValueError>([&] { ++batch; }), "number 3");
    } else {
      try {
        ++batch;
        ADD_FAILURE() << "nothing was thrown";
      } catch (const WorkerException& error) {
        EXPECT_STREQ(error.what(), "Caught exception in DataLoader worker thread. Original message: number 3");
        EXPECT_THROW(std::rethrow_exception(error.original_exception), ValueError);
      }
    }
    EXPECT_EQ(*batch, (std::vector<int>{4, 5}));
    EXPECT_EQ(++batch, loader->end());
    EXPECT_THROW(++batch, ValueError);
  }
}

TEST(DataLoaderOfAnything, TimesOutAndGoesOn) {
  Numbers data(2);
  data.slow = {0};
  auto loader = make_data_loader<SequentialSampler>(data, DataLoaderOptions(1).workers(1).timeout(1ms));
  const auto batch = loader->begin();
  EXPECT_THROW(*batch, TimeoutError);
  for (;;) try {
      EXPECT_EQ(*batch, (std::vector<int>{0}));
      break;
    } catch (const TimeoutError&) {  // not yet
    }
}

TEST(DataLoaderOfAnything, OneEpochAtATime) {
  auto loader = make_data_loader(Numbers(8), DataLoaderOptions(2).workers(2));
  auto batch = loader->begin();
  EXPECT_THROW(loader->begin(), ValueError);
  while (batch != loader->end()) ++batch;
  EXPECT_EQ(loader->begin()->size(), 2u);
}

TEST(DataLoaderOfAnything, EndsWhileBusy) {
  Numbers data(100);
  for (size_t i = 0; i < 100; i += 3) data.slow.insert(i);
  for (int taken = 0; taken < 4; ++taken) {
    auto loader = make_data_loader(data, DataLoaderOptions(3).workers(4));
    auto batch = loader->begin();
    for (int i = 0; i < taken; ++i) ++batch;
  }  // destroyed with work under way
}

// It cannot be copied.
struct Unique : datasets::Dataset<Unique, int> {
  explicit Unique(size_t count) : count(count) {}
  Unique(Unique&&) = default;
  int get(size_t index) override { return static_cast<int>(index); }
  std::optional<size_t> size() const override { return count; }
  const size_t count;
};

TEST(DataLoaderOfAnything, SharesADataSetThatCannotBeCopied) {
  EXPECT_THROW(make_data_loader(Unique(2), DataLoaderOptions(1).workers(2)), ValueError);
  EXPECT_EQ(epoch(*make_data_loader(Unique(2), 1)).size(), 2u);
  const auto shared = datasets::make_shared_dataset<Unique>(7);
  EXPECT_EQ(shared->count, 7u);
  const auto batches = epoch(*make_data_loader<SequentialSampler>(shared, DataLoaderOptions(3).workers(2)));
  EXPECT_EQ(batches, (std::vector<std::vector<int>>{{0, 1, 2}, {3, 4, 5}, {6}}));
}

TEST(DataLoaderOfAnything, RefusesWrongArguments) {
  struct Unsized : Numbers {
    using Numbers::Numbers;
    std::optional<size_t> size() const override { return std::nullopt; }
  };
  EXPECT_THROW(make_data_loader(Unsized(3)), ValueError);
  EXPECT_THROW(make_data_loader(Numbers(3), DataLoaderOptions(0)), ValueError);
  EXPECT_THROW(make_data_loader(Numbers(3), DataLoaderOptions(1).workers(2).max_jobs(0)), ValueError);
  EXPECT_TRUE(epoch(*make_data_loader(Numbers(0), DataLoaderOptions(4).workers(2))).empty());
}

}  // namespace
}  // namespace tessera::data
