// Any bytes as a .safetensors file: read, or refused with FileError.
#include <cstddef>
#include <cstdint>
#include <sstream>

#include "nn/serialize/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::istringstream stream(std::string(reinterpret_cast<const char*>(data), size));
  try {
    tessera::load_safetensors(stream, "fuzz");
  } catch (const tessera::FileError&) {
  }
  return 0;
}
