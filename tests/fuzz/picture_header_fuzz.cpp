// Any bytes as the beginning of a picture file: nothing is thrown, whatever they are.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "data/picture_header.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const tessera::data::PictureHeader header = tessera::data::read_picture_header({data, size});
  if (header.exif_orientation < 1 || header.exif_orientation > 8 || header.height < 0 || header.width < 0) std::abort();
  return 0;
}
