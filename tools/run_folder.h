// The folder of a training run and the files in it:
//   config.json                           the settings, as they were resolved
//   metrics.csv                           a line an epoch
//   best.safetensors, last.safetensors    checkpoints, both resumable; best by class-mean IoU on the held-out pictures
//   predictions.png                       held-out pictures: picture | truth | prediction of best
//   scenes/                               shapes: held-out scenes as files, for `tessera predict`
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
  std::string predictions() const { return path("predictions.png"); }

  // Makes the folder. Each of these throws FileError for what cannot be written.
  void make() const;
  void write_config(const TrainOptions& options) const;
  void write_metrics(const Progress& progress, const data::ClassInfo& classes) const;
  // What the best network makes of the first held-out pictures, and of shapes these scenes as files.
  void write_predictions(const data::Dataset& held_out, bool scenes, Device device) const;

 private:
  void write_text(const std::string& name, const std::string& text) const;

  std::string folder_;
};

}  // namespace tessera::tools
