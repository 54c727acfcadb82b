// What a run knows of its epochs, and where it stands.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "tools/segmentation_loss.h"

namespace tessera::tools {

// One line of metrics.csv. Figures of the validation set are NaN in epochs without validation.
struct EpochRecord {
  int64_t epoch = 0, step = 0;  // both count from 1
  double lr = 0, train_loss = 0, val_loss = 0, pixel_accuracy = 0, mean_iou = 0;
  std::vector<double> class_iou;

  bool is_validated() const;
};

// Where a run stands.
struct Progress {
  int64_t epoch = 0;       // epochs that are complete
  int64_t batch = 0;       // batches of the epoch in progress that are done: the loader's position
  int64_t step = 0;        // optimizer steps
  RunningMean train_loss;  // of the epoch in progress
  int64_t best_epoch = 0;  // in history, from 1; 0 for none yet
  std::vector<EpochRecord> history;

  // Validations since the best epoch, or since the start: what --patience counts.
  int64_t validations_since_best() const;
  double best_mean_iou() const { return best_epoch > 0 ? history[best_epoch - 1].mean_iou : -1; }
};

// NaN is null in JSON.
void to_json(nlohmann::json& json, const Progress& progress);
void from_json(const nlohmann::json& json, Progress& progress);

}  // namespace tessera::tools
