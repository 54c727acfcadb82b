// The training loop.
#pragma once

#include <memory>

#include "data/loader.h"
#include "tools/checkpoint.h"
#include "tools/datasets.h"
#include "tools/evaluation.h"
#include "tools/optimization.h"
#include "tools/run_folder.h"
#include "tools/train_step.h"

namespace tessera::tools {

// Trains a network as the options say and writes into the folder options.run.output what run_folder.h lists. Two runs of equal
// settings and thread count give the same bits, and so does a run that was stopped and resumed.
class Trainer {
 public:
  // A new run, or one that goes on from `checkpoint`, whose settings `options` then are (merge_for_resume).
  explicit Trainer(TrainOptions options, const std::optional<Checkpoint>& checkpoint = {},
                   const std::string& checkpoint_file = "");

  // Throws Exit(kInterrupted) after Ctrl-C, when the state is saved; Error for a loss that is not finite, naming the layer.
  void run();

 private:
  void take_up(const Checkpoint& checkpoint, const std::string& file);
  void train_epoch();
  void validate(EpochRecord& record);
  void finish_epoch();
  void finish_run();
  [[noreturn]] void stop();
  Checkpoint checkpoint() const;

  int64_t epochs() const { return *options_.optimization.epochs; }
  const data::ClassInfo& classes() const { return data_.train->classes(); }

  TrainOptions options_;
  RunFolder folder_;
  Device device_;
  DataSets data_;
  NetworkConfig network_config_;
  nn::AnyModule network_;
  SegmentationLoss loss_;
  data::DataLoader train_loader_, val_loader_;
  Optimization optimization_;
  TrainStep step_;
  Progress progress_;
  std::string weights_report_;  // what was taken of --weights
  double pictures_per_second_ = 0;
};

}  // namespace tessera::tools
