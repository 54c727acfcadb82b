// Parts of a network that a run does not train.
#pragma once

#include <string>
#include <vector>

#include "nn/module.h"

namespace tessera::tools {

// Parameters whose names start with one of the prefixes ("encoder.", "down1") require no gradient from now on. Throws UsageError
// for a prefix that no parameter has, with the names of the network's parts.
void freeze(const nn::Module& network, const std::vector<std::string>& prefixes);

// Puts the modules whose names start with one of the prefixes into evaluation mode: their batch norms use the statistics they have
// and keep them. To be called after each network.train().
void keep_frozen(const nn::Module& network, const std::vector<std::string>& prefixes);

}  // namespace tessera::tools
