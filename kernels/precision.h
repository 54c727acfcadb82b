// How exactly float32 products are computed: the three levels of PyTorch's set_float32_matmul_precision. Half types and float64
// know no levels.
#pragma once

#include <cstdint>

namespace tessera::kernels {

// A level is the least accuracy that is asked for: a kernel may be more accurate than it has to be, and the CPU's always are
// (they compute every level in float32).
enum class Float32Precision : uint8_t {
  Highest,  // the error of float32 arithmetic, however it is computed
  High,     // operands rounded to TensorFloat32 (10 bits of mantissa) or split in several bfloat16; sums in float32
  Medium    // operands may be rounded to bfloat16 (7 bits); sums in float32. TensorFloat32 is used where it is as fast
};

}  // namespace tessera::kernels
