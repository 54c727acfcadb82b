// A network with its weights and what is known of the pictures it was trained on.
#pragma once

#include <optional>
#include <string>

#include "tools/checkpoint.h"

namespace tessera::tools {

struct TrainedNetwork {
  NetworkConfig config;
  data::ClassInfo classes;
  TrainOptions options;      // of the training run; defaults where the weights came alone
  Progress progress;         // where that run stood
  std::optional<Size> size;  // that training scaled all pictures to
  std::optional<Size> letter_box;  // that training placed all pictures in, of recipe notes
  nn::AnyModule module;      // on the cpu
};

// Of a checkpoint of `tessera train`. Throws FileError.
TrainedNetwork load_trained_network(const std::string& file);

// Of weights alone (.pth, .safetensors: tools/weights.h), for a network that the caller names. Its classes are called "class 0",
// "class 1", ... Throws FileError for weights that are not this network's.
TrainedNetwork load_trained_network(const std::string& file, const NetworkConfig& config);

}  // namespace tessera::tools
