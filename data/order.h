// In which order an epoch visits its samples: pure functions of their arguments, on which samplers and loaders stand.
#pragma once

#include <cstdint>
#include <vector>

#include "data/random_stream.h"

namespace tessera::data {

// 0 .. count - 1.
std::vector<int64_t> sequential_order(int64_t count);

// 0 .. count - 1, every permutation equally likely (Fisher-Yates).
std::vector<int64_t> shuffled_order(int64_t count, RandomStream stream);

// The order of an epoch of a loader: sequential, or shuffled by (seed, epoch).
std::vector<int64_t> epoch_order(int64_t count, bool shuffle, uint64_t seed, int64_t epoch);

// `count` draws from the indices of `weights`, index i with probability weights[i] / their sum; with replacement each draw anew,
// without replacement no index twice (Efraimidis, Spirakis, Weighted random sampling with a reservoir, 2006). An index of weight
// 0 is never drawn. Throws ValueError for weights that are negative, not finite or all 0, and, without replacement, for more
// draws than there are positive weights.
std::vector<int64_t> weighted_order(const std::vector<double>& weights, int64_t count, bool replacement, RandomStream stream);

// The share of process `rank` of `replicas`: a run of the order of equal length in all processes. That length is rounded up, and
// the order goes on from its beginning to fill the last share (some samples occur twice), or, without `allow_duplicates`,
// rounded down (some samples are left out). Throws ValueError unless 0 <= rank < replicas.
std::vector<int64_t> share_of_rank(const std::vector<int64_t>& order, int64_t replicas, int64_t rank, bool allow_duplicates);

}  // namespace tessera::data
