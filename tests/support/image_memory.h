// Where the elements of an image lie: the memory orders that choose between a kernel's packed and plain paths.
#pragma once

#include <vector>

#include "tests/support/strided_buffer.h"

namespace tessera::testing_support {

struct ImageMemory {
  const char* name;
  std::vector<int> order;  // dimensions of [N, C, H, W] from the outermost in memory
  int64_t gap = 1, shift = 0, margin = 0;
};

inline const std::vector<ImageMemory> kImageMemories = {
    {"NCHW", {0, 1, 2, 3}},
    {"NCHW, misaligned", {0, 1, 2, 3}, 1, 1},
    {"NCHW, sliced", {0, 1, 2, 3}, 1, 0, 3},
    {"channels-last", {0, 2, 3, 1}},
    {"channels-last, misaligned", {0, 2, 3, 1}, 1, 1},
    {"channels-last, sliced in packs", {0, 2, 3, 1}, 1, 0, 8},
    {"reversed", {3, 2, 1, 0}},
    {"with gaps", {0, 1, 2, 3}, 3},
};

inline StridedBuffer in_memory(ScalarType dtype, const std::vector<int64_t>& sizes, const ImageMemory& memory) {
  return StridedBuffer(dtype, sizes, memory.order, memory.gap, memory.shift, memory.margin);
}

inline const ScalarType kFloatingTypes[] = {kFloat32, kBFloat16, kFloat16, kFloat64};

}  // namespace tessera::testing_support
