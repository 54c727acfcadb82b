// The training loop.
#pragma once

#include <chrono>
#include <memory>

#include "data/loader.h"
#include "tools/checkpoint.h"
#include "tools/datasets.h"
#include "tools/evaluation.h"
#include "tools/optimization.h"
#include "tools/run_folder.h"
#include "tools/run_log.h"
#include "tools/train_step.h"
#include "tools/validation_pictures.h"

namespace tessera::tools {

// Trains a network as the options say and writes into its folder what run_folder.h lists. Two runs of equal settings and thread
// count give the same bits, and so does a run that was stopped, or killed, and resumed.
class Trainer {
 public:
  // A new run, or one that goes on from `checkpoint`, whose settings `options` then are (merge_for_resume). Of a run in two stages
  // options.stage says which one this is; the second starts from the best weights of the first.
  explicit Trainer(TrainOptions options, const std::optional<Checkpoint>& checkpoint = {},
                   const std::string& checkpoint_file = "");

  // Throws Exit(kInterrupted) after Ctrl-C, when the state is saved; Error for a loss that is not finite, naming the layer.
  void run();

 private:
  void start(const std::optional<Checkpoint>& checkpoint, const std::string& file);
  void introduce() const;
  void train_epoch();
  void save_within_epoch();
  void collect_losses(bool all);
  void validate(EpochRecord& record);
  void finish_epoch();
  void save_epoch(bool best);
  void finish_run();
  [[noreturn]] void stop();
  Checkpoint checkpoint() const;
  void save_last();
  bool is_over() const;

  int64_t epochs() const { return *options_.optimization.epochs; }
  const data::ClassInfo& classes() const { return data_.train->classes(); }

  TrainOptions given_;    // as a checkpoint carries them
  TrainOptions options_;  // of this stage
  RunFolder folder_;
  Device device_;
  bool is_new_;
  DataSets data_;
  NetworkConfig network_config_;
  nn::AnyModule network_;
  SegmentationLoss loss_;
  data::DataLoader train_loader_, val_loader_;
  Optimization optimization_;
  TrainStep step_;
  Progress progress_;
  std::unique_ptr<RunLog> log_;
  std::optional<ValidationPictures> pictures_;  // of the last validation
  std::string weights_report_;                  // what was taken of --weights
  double pictures_per_second_ = 0;
  std::chrono::steady_clock::time_point saved_ = std::chrono::steady_clock::now();
};

}  // namespace tessera::tools
