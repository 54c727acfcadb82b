// Any bytes as a label map: decoded, or refused with FileError. A decoded one has an id for each pixel, which 16 bits hold.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "core/error.h"
#include "data/image.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const tessera::data::Label label = tessera::data::decode_label({data, size}, "fuzz");
    if (label.ids.size() != static_cast<size_t>(label.height) * label.width) std::abort();
    for (const int32_t id : label.ids)
      if (id < 0 || id > 65535) std::abort();
  } catch (const tessera::FileError&) {
  }
  return 0;
}
