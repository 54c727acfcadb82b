// Any bytes as a pickle: taken apart, or refused with FileError. (In a zip archive the checksum keeps the fuzzer from getting
// here.)
#include <cstddef>
#include <cstdint>

#include "nn/serialize/pickle.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const tessera::PickleStorage storage{"1", tessera::kFloat32, 4, 0, 4};
  static const tessera::NumberedTensors numbered = {{"1", tessera::checked_tensor(storage, 0, {2, 2}, {2, 1})}};
  std::span<const uint8_t> bytes(data, size);
  try {
    const tessera::PickleDocument document = tessera::read_pickle(bytes, "fuzz", numbered);
    if (document.root.is(tessera::PickleKind::Dict)) document.root.find("state_dict");
    tessera::printable(document.root.scalar_text());
  } catch (const tessera::FileError&) {
  }
  return 0;
}
