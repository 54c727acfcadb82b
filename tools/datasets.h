// The data of a training run: which data sets, and what is done to their samples.
#pragma once

#include <memory>

#include "data/open_dataset.h"
#include "tools/options/data_options.h"

namespace tessera::tools {

struct DataSets {
  std::shared_ptr<const data::Dataset> train, val;
  int64_t val_batch_size = 1;
  std::string explanation;            // one line for the user: what was found
  std::vector<std::string> left_out;  // a line for each sample that --skip-bad left out
};

// How the data set of these options is opened (not the shapes).
data::OpenOptions open_options(const DataOptions& options, uint64_t seed);

// Opens both splits, behind a cache of options.cache, with the transforms of the recipe (recipes.h). Validation comes in batches of
// one where the pictures may differ in size.
// `seed` decides what the shapes are and what is held out of a set without validation split. Fills in options.dataset,
// options.classes and options.ignore_index from what the data set says.
DataSets open_datasets(DataOptions& options, int64_t batch_size, uint64_t seed);

// The weight of each class by median frequency balancing (Eigen, Fergus, 2015, as SegNet uses it):
//   median(f) / f_c,  f_c = pixels of class c / pixels of all pictures that have c.
// A class that never occurs gets weight 0. Reads all labels of the data set, as stored.
std::vector<float> median_frequency_weights(const data::Dataset& dataset);

}  // namespace tessera::tools
