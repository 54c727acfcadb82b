#include "data/samplers.h"

#include <gtest/gtest.h>

#include <numeric>

#include "core/error.h"
#include "core/ops/creation.h"
#include "core/random.h"

namespace tessera::data::samplers {
namespace {

using Indices = std::vector<size_t>;

template <class S> Indices rest(S& sampler, size_t batch_size = 3) {
  Indices all;
  while (const std::optional<Indices> batch = sampler.next(batch_size)) all.insert(all.end(), batch->begin(), batch->end());
  return all;
}
Indices sorted(Indices indices) {
  std::sort(indices.begin(), indices.end());
  return indices;
}
Indices range(size_t count) {
  Indices all(count);
  std::iota(all.begin(), all.end(), size_t{0});
  return all;
}

TEST(Order, WeightedDrawsFollowTheWeights) {
  const std::vector<double> weights = {0, 1, 3, 0, 4, 0};
  const auto order = weighted_order(weights, 80000, true, RandomStream{1});
  std::vector<int64_t> counts(6);
  for (int64_t index : order) ++counts.at(index);
  for (size_t i = 0; i < 6; ++i) EXPECT_NEAR(counts[i], weights[i] * 10000, 500);
  std::vector<int64_t> first(6);
  for (uint64_t seed = 0; seed < 8000; ++seed) {
    auto all = weighted_order(weights, 3, false, RandomStream{seed, 2});
    ++first.at(all[0]);
    std::sort(all.begin(), all.end());
    ASSERT_EQ(all, (std::vector<int64_t>{1, 2, 4})) << "each once";
  }
  for (size_t i = 0; i < 6; ++i) EXPECT_NEAR(first[i], weights[i] * 1000, 150);
  EXPECT_EQ(order, weighted_order(weights, 80000, true, RandomStream{1}));
  EXPECT_THROW(weighted_order(weights, 4, false, RandomStream{1}), ValueError);
  EXPECT_THROW(weighted_order({1, -1}, 1, true, RandomStream{1}), ValueError);
  EXPECT_THROW(weighted_order({0, 0}, 1, true, RandomStream{1}), ValueError);
  EXPECT_THROW(weighted_order({1, 1e308 * 10}, 1, true, RandomStream{1}), ValueError);
  EXPECT_TRUE(weighted_order({}, 0, true, RandomStream{1}).empty());
}

TEST(Order, SharesAreEqualAndCoverAll) {
  const auto order = sequential_order(10);
  EXPECT_EQ(share_of_rank(order, 3, 0, true), (std::vector<int64_t>{0, 1, 2, 3}));
  EXPECT_EQ(share_of_rank(order, 3, 2, true), (std::vector<int64_t>{8, 9, 0, 1}));
  EXPECT_EQ(share_of_rank(order, 3, 2, false), (std::vector<int64_t>{6, 7, 8}));
  EXPECT_EQ(share_of_rank(sequential_order(1), 3, 2, true), (std::vector<int64_t>{0}));
  EXPECT_TRUE(share_of_rank({}, 3, 2, true).empty());
  EXPECT_THROW(share_of_rank(order, 3, 3, true), ValueError);
  EXPECT_THROW(share_of_rank(order, 0, 0, true), ValueError);
}

TEST(Samplers, GiveEachIndexOnce) {
  SequentialSampler sequential(7);
  EXPECT_EQ(rest(sequential), range(7));
  sequential.reset(4);
  EXPECT_EQ(sequential.next(3), (Indices{0, 1, 2}));
  EXPECT_EQ(sequential.next(3), (Indices{3}));
  EXPECT_EQ(sequential.next(3), std::nullopt);

  RandomSampler random(50);
  const Indices first = rest(random);
  EXPECT_EQ(sorted(first), range(50));
  random.reset();
  const Indices second = rest(random);
  EXPECT_EQ(sorted(second), range(50));
  EXPECT_NE(first, second);
  EXPECT_THROW(random.next(0), ValueError);
}

TEST(Samplers, ManualSeedDecidesTheOrder) {
  std::vector<Indices> orders;
  for (uint64_t seed : {3, 3, 4}) {
    manual_seed(seed);
    RandomSampler sampler(30);
    orders.push_back(rest(sampler));
    sampler.reset();
    orders.push_back(rest(sampler));
  }
  EXPECT_EQ(orders[0], orders[2]);
  EXPECT_EQ(orders[1], orders[3]);
  EXPECT_NE(orders[0], orders[4]);
}

// Saves a sampler in the middle, loads it into another and compares what is left.
template <class S> void expect_resumes(S sampler, S other) {
  sampler.next(4);
  serialize::OutputArchive output;
  sampler.save(output);
  serialize::InputArchive input(output.entries());
  other.load(input);
  EXPECT_EQ(other.index(), 4u);
  EXPECT_EQ(rest(sampler), rest(other));
}

TEST(Samplers, ResumeInTheMiddle) {
  expect_resumes(SequentialSampler(9), SequentialSampler(9));
  expect_resumes(RandomSampler(9), RandomSampler(9));
  const std::vector<double> weights(9, 1.0);
  expect_resumes(WeightedRandomSampler(weights, 20), WeightedRandomSampler(weights, 20));
  expect_resumes(WeightedRandomSampler(weights, 9, false), WeightedRandomSampler(weights, 9, false));
  DistributedRandomSampler distributed(20, 2, 1);
  distributed.set_epoch(5);
  distributed.reset();
  expect_resumes(distributed, DistributedRandomSampler(20, 2, 1));
  expect_resumes(DistributedSequentialSampler(20, 2, 1), DistributedSequentialSampler(20, 2, 1));
}

TEST(Samplers, RefuseStatesOfOthers) {
  serialize::OutputArchive output;
  RandomSampler(9).save(output);
  serialize::InputArchive input(output.entries()), empty;
  RandomSampler other(8);
  EXPECT_THROW(other.load(input), ValueError);
  EXPECT_THROW(other.load(empty), ValueError);
  DistributedRandomSampler distributed(9);
  EXPECT_THROW(distributed.load(input), ValueError) << "no epoch";
  for (const std::vector<int64_t>& state : {std::vector<int64_t>{8, 9, 0, 0}, {8, -1, 0, 0}, {8, 0, 0}}) {
    serialize::InputArchive damaged({{"state", tensor(state)}});
    EXPECT_THROW(other.load(damaged), ValueError);
  }
  serialize::InputArchive floats({{"state", ones({4})}});
  EXPECT_THROW(other.load(floats), ValueError);
  EXPECT_THROW(output.write("state", ones({1})), ValueError) << "written already";
}

TEST(Samplers, ProcessesShareAnEpoch) {
  for (const bool duplicates : {true, false}) {
    std::vector<Indices> epochs;
    for (size_t epoch : {0, 1}) {
      Indices all;
      for (size_t rank = 0; rank < 3; ++rank) {
        DistributedRandomSampler sampler(10, 3, rank, duplicates);
        sampler.set_epoch(epoch);
        sampler.reset();
        const Indices share = rest(sampler, 2);
        EXPECT_EQ(share.size(), duplicates ? 4u : 3u);
        all.insert(all.end(), share.begin(), share.end());
      }
      EXPECT_EQ(sorted(all), duplicates ? (Indices{0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9}) : range(9));
      epochs.push_back(all);
    }
    EXPECT_NE(epochs[0], epochs[1]);
  }
  EXPECT_THROW(DistributedSequentialSampler(10, 2, 2), ValueError);
  EXPECT_THROW(DistributedRandomSampler(10, 0, 0), ValueError);
}

TEST(Samplers, WeightsBelongToTheExamples) {
  WeightedRandomSampler sampler({0, 1, 0, 1}, 6);
  for (size_t index : rest(sampler)) EXPECT_TRUE(index == 1 || index == 3);
  sampler.reset(4);
  EXPECT_EQ(rest(sampler).size(), 6u);
  EXPECT_THROW(sampler.reset(5), ValueError);
}

}  // namespace
}  // namespace tessera::data::samplers
