// Settings of the network and its first weights.
#pragma once

#include "tools/network.h"
#include "tools/options/setting.h"

namespace tessera::tools {

struct NetworkOptions {
  std::string model = "unet";
  std::map<std::string, std::string> setting;  // by the registry's names
  // The same for the U-Nets' most common ones. They stay open for networks that do not have them.
  std::optional<int64_t> feature_scale;
  std::optional<bool> deconv, batchnorm;
  std::string weights;   // a file to start from
  bool partial = false;  // take what fits of it
  std::vector<std::string> freeze;  // beginnings of the names of parameters that are not trained
};

std::vector<Setting> network_settings(NetworkOptions& options);

// Fills in what was left open; `small_pictures` (shapes) get a thinner network. Throws UsageError for values that are out of range
// or do not go together, ValueError for a network that does not exist.
void resolve(NetworkOptions& options, bool small_pictures);

// What the registry needs to build it. For resolved options.
NetworkConfig network_config(const NetworkOptions& options, int64_t classes);

}  // namespace tessera::tools
