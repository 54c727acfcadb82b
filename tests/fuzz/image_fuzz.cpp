// Any bytes as a picture: decoded, or refused with FileError. A decoded one has all its pixels.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "core/error.h"
#include "data/image.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const tessera::data::Image image = tessera::data::decode_image({data, size}, "fuzz");
    if (image.pixels.size() != static_cast<size_t>(image.height) * image.width * 3) std::abort();
  } catch (const tessera::FileError&) {
  }
  return 0;
}
