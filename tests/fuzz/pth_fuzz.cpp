// Any bytes as a .pth file, zip, legacy or tar: read, or refused with FileError. Every element of a tensor lies in its storage.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "nn/serialize/pth.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const tessera::Weights weights = tessera::load_pth({data, size}, "fuzz");
    for (size_t i = 0; i < std::min<size_t>(weights.tensors.size(), 16); ++i)
      weights.tensors[i].second.clone(tessera::kContiguous);
  } catch (const tessera::FileError&) {
  }
  return 0;
}
