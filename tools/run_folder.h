// The folder of a training run and the files in it:
//   config.json           the settings, as they were resolved; --config takes it
//   metrics.csv           a line an epoch
//   last.safetensors      the checkpoint that --resume goes on from: weights, optimizer and all else
//   best.safetensors      that of the epoch with the best class-mean IoU on the held-out pictures; resumable, too
//   epoch_N.safetensors   with --save-every
//   events.out.tfevents.* what TensorBoard shows
//   predictions.png       held-out pictures: picture | truth | prediction of best
//   scenes/               shapes: held-out scenes as files, for `tessera predict`
//   previous_*            last and best of the run that was here before
//   stage1/               with --two-stage: the first stage, a run of its own
#pragma once

#include <string>

#include "data/dataset.h"
#include "tools/epoch_record.h"
#include "tools/train_options.h"

namespace tessera::tools {

class RunFolder {
 public:
  explicit RunFolder(std::string folder) : folder_(std::move(folder)) {}

  const std::string& folder() const { return folder_; }
  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  std::string best() const { return path("best.safetensors"); }
  std::string last() const { return path("last.safetensors"); }
  std::string epoch(int64_t number) const { return path("epoch_" + std::to_string(number) + ".safetensors"); }
  std::string predictions() const { return path("predictions.png"); }
  RunFolder first_stage() const { return RunFolder(path("stage1")); }

  // Renames the checkpoints that an earlier run left here, last and best, to previous_last and previous_best: a new run that is
  // killed before it has saved is not taken for that one. FileError.
  void set_aside() const;
  // Makes the folder. Each of these throws FileError for what cannot be written.
  void make() const;
  void write_config(const TrainOptions& options) const;
  void write_metrics(const Progress& progress, const data::ClassInfo& classes) const;
  // What the best network makes of the first held-out pictures, and of shapes these scenes as files.
  void write_predictions(const data::Dataset& held_out, bool scenes, Device device) const;
  // Removes the checkpoints of epochs up to `newest` but the newest `keep`; all stay where that is 0.
  void remove_old_epochs(int64_t newest, int64_t keep) const;

 private:
  void write_text(const std::string& name, const std::string& text) const;

  std::string folder_;
};

// The checkpoint that --resume without a name goes on from: last.safetensors in the folder; before the second stage has one, that
// of the first. Empty if there is none.
std::string latest_checkpoint(const RunFolder& folder);
// The newest of those of the runs that lie in `folder`.
std::string newest_checkpoint(const std::string& folder);

}  // namespace tessera::tools
