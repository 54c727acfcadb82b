#include "data/order.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "core/error.h"

namespace tessera::data {

std::vector<int64_t> sequential_order(int64_t count) {
  std::vector<int64_t> order(count);
  std::iota(order.begin(), order.end(), int64_t{0});
  return order;
}

std::vector<int64_t> shuffled_order(int64_t count, RandomStream stream) {
  std::vector<int64_t> order = sequential_order(count);
  for (int64_t i = count - 1; i > 0; --i) std::swap(order[i], order[stream.integer(0, i)]);
  return order;
}

std::vector<int64_t> epoch_order(int64_t count, bool shuffle, uint64_t seed, int64_t epoch) {
  return shuffle ? shuffled_order(count, RandomStream{seed, static_cast<uint64_t>(epoch)}) : sequential_order(count);
}

std::vector<int64_t> weighted_order(const std::vector<double>& weights, int64_t count, bool replacement, RandomStream stream) {
  double sum = 0;
  int64_t positive = 0;
  for (const double weight : weights) {
    check<ValueError>(std::isfinite(weight) && weight >= 0, "weighted_order: weight {}. Weights are finite and not negative.",
                      weight);
    sum += weight;
    positive += weight > 0;
  }
  check<ValueError>(count >= 0, "weighted_order: {} draws. There cannot be fewer than 0.", count);
  check<ValueError>(count == 0 || (sum > 0 && std::isfinite(sum)), "weighted_order: the weights' sum is {}. It must be positive.",
                    sum);
  std::vector<int64_t> order;
  if (replacement) {
    std::vector<double> ends(weights.size());  // index i owns [ends[i - 1], ends[i])
    std::partial_sum(weights.begin(), weights.end(), ends.begin());
    const auto last_positive = std::find_if(weights.rbegin(), weights.rend(), [](double weight) { return weight > 0; });
    const int64_t last = weights.rend() - last_positive - 1;
    for (int64_t i = 0; i < count; ++i) {  // rounding may push a draw past the last end
      const int64_t drawn = std::upper_bound(ends.begin(), ends.end(), stream.uniform() * sum) - ends.begin();
      order.push_back(std::min(drawn, last));
    }
    return order;
  }
  check<ValueError>(count <= positive, "weighted_order: {} draws without replacement from {} positive weights.", count, positive);
  std::vector<std::pair<double, int64_t>> arrivals;  // exponential times at the rate of the weight: the first ones are drawn
  for (size_t i = 0; i < weights.size(); ++i) {
    const double time = -std::log(1 - stream.uniform());
    if (weights[i] > 0) arrivals.emplace_back(time / weights[i], i);
  }
  std::sort(arrivals.begin(), arrivals.end());
  for (int64_t i = 0; i < count; ++i) order.push_back(arrivals[i].second);
  return order;
}

std::vector<int64_t> share_of_rank(const std::vector<int64_t>& order, int64_t replicas, int64_t rank, bool allow_duplicates) {
  check<ValueError>(replicas >= 1 && rank >= 0 && rank < replicas, "share_of_rank: rank {} of {} replicas.", rank, replicas);
  const auto size = static_cast<int64_t>(order.size());
  const int64_t length = allow_duplicates ? (size + replicas - 1) / replicas : size / replicas;
  std::vector<int64_t> share(length);
  for (int64_t i = 0; i < length; ++i) share[i] = order[(rank * length + i) % size];
  return share;
}

}  // namespace tessera::data
