// Any bytes as a .npy file: read, or refused with FileError.
#include <cstddef>
#include <cstdint>

#include "nn/serialize/npy.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    tessera::load_npy({data, size}, "fuzz").clone(tessera::kContiguous);
  } catch (const tessera::FileError&) {
  }
  return 0;
}
