// How well a trained network predicts a data set: as a whole and picture by picture.
#pragma once

#include <functional>
#include <memory>

#include "data/dataset.h"
#include "tools/metrics_files.h"
#include "tools/predictor.h"

namespace tessera::tools {

struct Scoring {
  data::ConfusionMatrix matrix;
  std::vector<PictureScore> pictures;  // in the order of the data set
};

struct ScoringOptions {
  int64_t batch_size = 1;      // pictures, which must then be of one size after the data set's transform
  int64_t workers = 2;         // threads that read
  bool original_size = false;  // compare with the labels as stored: the predictor scales, the data set's transform is left out
};

// Predicts all samples. `after(pictures)` is called as they are done. Throws ValueError for a data set with other classes.
Scoring score_dataset(const Predictor& predictor, const std::shared_ptr<const data::Dataset>& dataset,
                      const ScoringOptions& options, const std::function<void(int64_t pictures)>& after);

}  // namespace tessera::tools
