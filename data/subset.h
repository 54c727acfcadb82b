// Parts and unions of data sets. They read samples as stored: the transform is the part's or the union's own (set_transform), so
// that the training part of a split is augmented and the other part is not.
#pragma once

#include <memory>
#include <vector>

#include "data/dataset.h"

namespace tessera::data {

// The samples of a data set at `indices`, in this order; an index may occur twice. Throws IndexError for one out of range.
class SubsetDataset : public Dataset {
 public:
  SubsetDataset(std::shared_ptr<const Dataset> dataset, std::vector<int64_t> indices);
  int64_t size() const override { return static_cast<int64_t>(indices_.size()); }
  Sample read(int64_t index) const override { return dataset_->read(indices_[index]); }
  const std::vector<int64_t>& indices() const { return indices_; }

 private:
  std::shared_ptr<const Dataset> dataset_;
  std::vector<int64_t> indices_;
};

// One data set after the other. Throws ValueError for none and for data sets whose class names or ignore index differ; the rest
// of what is known of the classes is the first one's.
class ConcatDataset : public Dataset {
 public:
  explicit ConcatDataset(std::vector<std::shared_ptr<const Dataset>> datasets);
  int64_t size() const override { return ends_.back(); }
  Sample read(int64_t index) const override;

 private:
  std::vector<std::shared_ptr<const Dataset>> datasets_;
  std::vector<int64_t> ends_;  // of each data set, in indices of the union
};

// How many of `count` samples each fraction gets: rounded down, and what is then left over one by one from the first part on.
// Throws ValueError for fractions that are negative or do not sum to 1 (to within 1e-6).
std::vector<int64_t> split_sizes(int64_t count, const std::vector<double>& fractions);

// Disjoint parts of the given sizes, drawn by the seed: random_split(data, split_sizes(data->size(), {0.9, 0.1}), seed). Within a
// part the samples keep the data set's order. Throws ValueError for sizes that do not sum to the data set's.
std::vector<std::shared_ptr<SubsetDataset>> random_split(const std::shared_ptr<const Dataset>& dataset,
                                                         const std::vector<int64_t>& sizes, uint64_t seed);

}  // namespace tessera::data
