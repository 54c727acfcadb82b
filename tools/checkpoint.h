// A training run at a point between two steps, as one safetensors file.
//
// Tensors: parameters and buffers under their state-dict names, and the optimizer's state under kOptimizerPrefix + its names. Of
// a run with --ema the former are the averages, which predict uses, and the weights in training are under kTrainedPrefix + names.
// Metadata, all JSON but the first two:
//   format kCheckpointFormat       format_version "1"
//   network  classes  palette  mean  std  ignore_index    what predicting needs
//   options  progress  schedule  optimizer  generator  ema_updates    what resuming needs besides
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/dataset.h"
#include "nn/serialize/safetensors.h"
#include "tools/epoch_record.h"
#include "tools/network.h"
#include "tools/train_options.h"

namespace tessera::tools {

inline constexpr const char* kCheckpointFormat = "tessera checkpoint";
inline constexpr std::string_view kOptimizerPrefix = "optimizer.";
inline constexpr std::string_view kTrainedPrefix = "trained.";

struct Checkpoint {
  NetworkConfig network;
  data::ClassInfo classes;
  TrainOptions options;  // without `output`, so that a run's files do not depend on where it lies
  Progress progress;
  nlohmann::json schedule, optimizer;  // their numbers
  uint64_t generator_seed = 0, generator_offset = 0;
  int64_t ema_updates = 0;
  NamedTensors model, trained, optimizer_tensors;
};

// Throws FileError for a file that cannot be written; a file of that name stays as it was.
void save_checkpoint(const std::string& file, const Checkpoint& checkpoint);
// Throws FileError for a file that is missing, damaged or no checkpoint of this command.
Checkpoint load_checkpoint(const std::string& file);

// Copies the tensors into the module's parameters and buffers. Throws FileError, naming `file`, where names or shapes differ.
void load_model(const nn::Module& module, const NamedTensors& tensors, const std::string& file);

}  // namespace tessera::tools
