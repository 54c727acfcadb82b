// The ways a matrix product can go on a CUDA device. cuda.cu tries them from the fastest to the plain one, which takes everything.
#pragma once

#include "kernels/matmul/matmul.h"

namespace tessera::kernels::cuda {

// A tile of 16 x 16 outputs a block: any dtype and strides. cuda_plain.cu
namespace plain {
Matmul matmul;
}

}  // namespace tessera::kernels::cuda
