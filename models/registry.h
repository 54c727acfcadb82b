// Networks by name: for programs that take the name and the settings as text.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "nn/containers.h"

namespace tessera::models {

struct ModelOptions {
  int64_t in_channels = 3;
  int64_t num_classes = 2;
  std::map<std::string, std::string> settings = {};  // of the network, by name: {"feature_scale", "4"}, {"is_deconv", "true"}
};

struct ModelSetting {
  std::string name, default_value, help;
};

struct ModelInfo {
  std::string name, help;  // one line
  std::vector<ModelSetting> settings;
};

// All networks that make_model knows.
const std::vector<ModelInfo>& list_models();

// A freshly initialised network that maps images [N, in_channels, H, W] to scores. Throws ValueError for names, settings and
// values that do not exist, and says which do.
nn::AnyModule make_model(const std::string& name, const ModelOptions& options = {});

}  // namespace tessera::models
