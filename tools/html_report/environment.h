// What a program runs on, for people who want to do the same.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/device.h"

namespace tessera::tools {

// Names and values: tessera's version, compiler, system, processor, threads, and the GPU if the device is one.
std::vector<std::pair<std::string, std::string>> describe_environment(const Device& device);

}  // namespace tessera::tools
