// The networks that the command can train: those of the registry, from pictures in colour to a score for each pixel and class.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "models/registry.h"

namespace tessera::tools {

// All that is needed to build the network again; a checkpoint carries it.
struct NetworkConfig {
  std::string model = "unet";
  std::map<std::string, std::string> settings;  // the registry's: {"feature_scale", "4"}, ...
  int64_t classes = 2;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(NetworkConfig, model, settings, classes)

// Pictures [N, 3, H, W] of any size to scores [N, classes, H, W]; freshly initialised from the default generator.
inline nn::AnyModule make_network(const NetworkConfig& config) {
  return models::make_model(config.model, {.in_channels = 3, .num_classes = config.classes, .settings = config.settings});
}

}  // namespace tessera::tools
