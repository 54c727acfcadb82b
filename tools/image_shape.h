// Shapes of images on the command line: "1x3x320x480".
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tessera::tools {

// Batch, channels, height, width. Throws UsageError, which names the flag.
std::vector<int64_t> parse_image_shape(const std::string& flag, const std::string& text);

}  // namespace tessera::tools
