// The settings of a training run: what the flags of `tessera train` set, config.json shows and a checkpoint carries.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>

namespace tessera::tools {

// Each field is named as its flag. Those without a value have a default that depends on the data set; resolve() fills them in.
struct TrainOptions {
  std::string dataset;             // "shapes" or "folder"; empty: folder if `data` is given, shapes if not
  std::string data;                // the folder
  std::optional<int64_t> samples;  // shapes: training scenes; an eighth as many are held out
  std::string size;                // "HxW": all pictures are resized (folder) or drawn (shapes) so
  std::string crop;                // "HxW": random windows in training; empty: whole pictures
  bool augment = true;
  std::optional<int64_t> classes, ignore_index;  // default: found out from the data set
  std::string class_weights = "none";            // or "median"

  std::string model = "unet";
  std::map<std::string, std::string> setting;  // of the network, by the registry's names
  // The same for the U-Nets' most common ones. They stay open for networks that do not have them.
  std::optional<int64_t> feature_scale;
  std::optional<bool> deconv, batchnorm;
  std::string weights;   // a file to start from
  bool partial = false;  // take what fits of it

  std::optional<int64_t> epochs, batch_size;
  std::string optimizer = "adamw";    // sgd, rmsprop, adam, adamw
  std::string schedule = "onecycle";  // none, onecycle, plateau
  std::optional<double> lr;
  double weight_decay = 1e-4, momentum = 0.9, clip_grad = 0;
  int64_t val_every = 1;
  uint64_t seed = 0;

  int64_t workers = 2, threads = 0;
  std::string device = "cpu", output = "runs/train";
  bool detect_anomaly = false;
};

void to_json(nlohmann::json& json, const TrainOptions& options);
void from_json(const nlohmann::json& json, TrainOptions& options);

struct Size {
  int height = 0, width = 0;
};
// "HxW", both at least 1. Throws UsageError, which names the flag.
Size parse_size(const std::string& flag, const std::string& text);

// Fills in what was left open but for classes and ignore_index, which the data set decides. Throws UsageError for values that are
// out of range or do not go together, ValueError for a network that does not exist.
void resolve(TrainOptions& options);

// The settings of a run that goes on: those of its checkpoint, changed by the flags that are `given` now. Only settings that do
// not change what is computed may change, and the number of epochs where no schedule is laid out for it; otherwise UsageError.
TrainOptions merge_for_resume(const TrainOptions& checkpoint, const TrainOptions& now, const std::set<std::string>& given);

// "name  value" lines for people to read.
std::string describe(const TrainOptions& options);

}  // namespace tessera::tools
