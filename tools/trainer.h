// The training loop.
#pragma once

#include <memory>

#include "data/loader.h"
#include "tools/checkpoint.h"
#include "tools/datasets.h"
#include "tools/optimization.h"

namespace tessera::tools {

// Trains a network as the options say and writes into the folder options.output:
//   config.json                           the settings
//   metrics.csv                           a line an epoch
//   best.safetensors, last.safetensors    checkpoints, both resumable; best by class-mean IoU on the held-out pictures
//   predictions.png                       held-out pictures: picture | truth | prediction of best
//   scenes/                               shapes: held-out scenes as files, for `tessera predict`
// Two runs of equal settings and thread count give the same bits, and so does a run that was stopped and resumed.
class Trainer {
 public:
  // A new run, or one that goes on from `checkpoint`, whose settings `options` then are (merge_for_resume).
  explicit Trainer(TrainOptions options, const std::optional<Checkpoint>& checkpoint = {},
                   const std::string& checkpoint_file = "");

  // Throws Exit(kInterrupted) after Ctrl-C, when the state is saved; Error for a loss that is not finite, naming the layer.
  void run();

 private:
  void train_epoch();
  void train_step(const data::Batch& batch);
  void finish_epoch();
  void write_metrics() const;
  void finish_run();
  [[noreturn]] void stop();
  [[noreturn]] void explain_non_finite(const data::Batch& batch, double loss, uint64_t generator_offset);
  void save(const std::string& name) const;
  std::string path(const std::string& name) const { return options_.output + "/" + name; }

  TrainOptions options_;
  Device device_;
  DataSets data_;
  NetworkConfig network_config_;
  nn::AnyModule network_;
  SegmentationLoss loss_;
  std::unique_ptr<data::DataLoader> train_loader_, val_loader_;
  std::unique_ptr<Optimization> optimization_;
  Progress progress_;
  std::string weights_report_;  // what was taken of options_.weights
  double pictures_per_second_ = 0;
};

}  // namespace tessera::tools
