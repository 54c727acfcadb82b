// Precision of float32 convolutions and matrix products.
//
// PyTorch's name, values and meaning (torch.set_float32_matmul_precision), with one difference: the setting holds for
// convolutions too, which PyTorch steers by a switch of cuDNN's.
//   "highest"  the error of float32 arithmetic; the default
//   "high"     on a CUDA device operands are rounded to TensorFloat32; sums stay float32
//   "medium"   on a CUDA device operands may be rounded to bfloat16; sums stay float32
// The CPU computes float32 at every setting. The value in force when an op is called also holds for its backward pass.
#pragma once

#include <string>
#include <string_view>

#include "kernels/precision.h"

namespace tessera {

using kernels::Float32Precision;

// For the whole process, from any thread. Throws ValueError for another word.
void set_float32_matmul_precision(std::string_view precision);
void set_float32_matmul_precision(Float32Precision precision);
std::string float32_matmul_precision();

namespace detail {
Float32Precision float32_precision();  // what ops hand to their kernels
}

}  // namespace tessera
