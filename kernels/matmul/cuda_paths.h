// The ways a matrix product can go on a CUDA device. cuda.cu tries them from the fastest to the plain one, which takes
// everything.
#pragma once

#include "kernels/matmul/matmul.h"

namespace tessera::kernels::cuda {

// A tile of 16 x 16 outputs a block: any dtype and strides. cuda_plain.cu
namespace plain {
Matmul matmul;
}

// In float32 on the CUDA cores, with the error of float32 arithmetic; any strides. False for other types. cuda_fma.cu
bool fma_matmul(const View& out, const View& a, const View& b);

// By wgmma on compute capability 9.0: bfloat16, and float32 below the highest precision. False for the rest, and for products
// that are too small for its tiles. cuda_hopper.cu
bool hopper_matmul(const View& out, const View& a, const View& b, const MatmulParams& params);

}  // namespace tessera::kernels::cuda
