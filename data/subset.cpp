#include "data/subset.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "core/error.h"
#include "data/order.h"

namespace tessera::data {

SubsetDataset::SubsetDataset(std::shared_ptr<const Dataset> dataset, std::vector<int64_t> indices)
    : dataset_(std::move(dataset)), indices_(std::move(indices)) {
  classes_ = dataset_->classes();
  for (const int64_t index : indices_)
    check<IndexError>(index >= 0 && index < dataset_->size(), "SubsetDataset: sample {} of {}.", index, dataset_->size());
}

ConcatDataset::ConcatDataset(std::vector<std::shared_ptr<const Dataset>> datasets) : datasets_(std::move(datasets)) {
  check<ValueError>(!datasets_.empty(), "ConcatDataset: no data set was given.");
  classes_ = datasets_.front()->classes();
  int64_t end = 0;
  for (const auto& dataset : datasets_) {
    const ClassInfo& other = dataset->classes();
    check<ValueError>(other.names == classes_.names && other.ignore_index == classes_.ignore_index,
                      "ConcatDataset: data sets of {} classes, ignore index {}, and of {} classes, ignore index {}, or of other "
                      "names. Join data sets of the same classes.",
                      classes_.num_classes(), classes_.ignore_index, other.num_classes(), other.ignore_index);
    ends_.push_back(end += dataset->size());
  }
}

Sample ConcatDataset::read(int64_t index) const {
  const auto i = std::upper_bound(ends_.begin(), ends_.end(), index) - ends_.begin();
  return datasets_[i]->read(index - (i == 0 ? 0 : ends_[i - 1]));
}

std::vector<int64_t> split_sizes(int64_t count, const std::vector<double>& fractions) {
  double sum = 0;
  for (const double fraction : fractions) {
    check<ValueError>(fraction >= 0, "split_sizes: fraction {}. It cannot be negative.", fraction);
    sum += fraction;
  }
  check<ValueError>(std::abs(sum - 1) <= 1e-6, "split_sizes: the fractions sum to {}. They must sum to 1.", sum);
  std::vector<int64_t> sizes;  // the fractions that people write are not exact: 0.29 of 100 is 29
  for (const double fraction : fractions)
    sizes.push_back(static_cast<int64_t>(std::floor(fraction / sum * static_cast<double>(count) + 1e-6)));
  int64_t left = count - std::accumulate(sizes.begin(), sizes.end(), int64_t{0});
  for (size_t i = 0; left > 0; i = (i + 1) % sizes.size(), --left) ++sizes[i];
  return sizes;
}

std::vector<std::shared_ptr<SubsetDataset>> random_split(const std::shared_ptr<const Dataset>& dataset,
                                                         const std::vector<int64_t>& sizes, uint64_t seed) {
  int64_t sum = 0;
  for (const int64_t size : sizes) {
    check<ValueError>(size >= 0, "random_split: a part of {} samples.", size);
    sum += size;
  }
  check<ValueError>(sum == dataset->size(), "random_split: parts of {} samples together, of a data set of {}.", sum,
                    dataset->size());
  const std::vector<int64_t> order = shuffled_order(dataset->size(), RandomStream{seed});
  std::vector<std::shared_ptr<SubsetDataset>> parts;
  auto first = order.begin();
  for (const int64_t size : sizes) {
    std::vector<int64_t> indices(first, first + size);
    std::sort(indices.begin(), indices.end());
    parts.push_back(std::make_shared<SubsetDataset>(dataset, std::move(indices)));
    first += size;
  }
  return parts;
}

}  // namespace tessera::data
