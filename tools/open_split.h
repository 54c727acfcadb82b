// The data that a trained network is measured on.
#pragma once

#include <memory>
#include <string>

#include "data/dataset.h"
#include "tools/train_options.h"

namespace tessera::tools {

struct OpenedSplit {
  std::shared_ptr<const data::Dataset> dataset;  // with the transform of validation, not that of training
  bool one_size = false;                         // all pictures are then of one size, so that batches may hold several
};

// One split of the data set that `options` describe, those of a training run changed by flags: "train", "val", "test", or "all"
// for one after the other. Throws FileError with a hint at --data, and ValueError for a split that is not there.
OpenedSplit open_split(const TrainOptions& options, const std::string& split);

}  // namespace tessera::tools
