// What an allocator reports, on any device.
#pragma once

#include <cstdint>

namespace tessera {

struct MemoryStats {
  int64_t allocated = 0;       // bytes in live tensors
  int64_t peak_allocated = 0;  // the largest value of `allocated` since the start or the last reset
  int64_t reserved = 0;        // bytes taken from the system, live or kept for reuse
};

}  // namespace tessera
