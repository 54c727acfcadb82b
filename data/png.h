// Pictures from PNG files, for image.cpp.
#pragma once

#include "data/image.h"

namespace tessera::data {

bool is_png(std::span<const uint8_t> bytes);  // by the signature

// The picture as RGB, see read_image. `operation` is the caller's name, for errors.
Image decode_png(const char* operation, std::span<const uint8_t> bytes, const std::filesystem::path& file);

}  // namespace tessera::data
