// The ways a convolution can go on a CUDA device. cuda.cu tries them from the fastest to the plain one, which takes everything.
#pragma once

#include "kernels/conv2d/conv2d.h"

namespace tessera::kernels::cuda {

// One thread an output element, one block a weight: any dtype, strides, groups. cuda_plain.cu
namespace plain {
Conv2dForward conv2d_forward;
Conv2dInputGrad conv2d_input_grad;
Conv2dWeightGrad conv2d_weight_grad;
}  // namespace plain

// The following return false, with nothing done, for arguments that they do not take.

// In float32 on the CUDA cores, with the error of float32 arithmetic; without groups. cuda_fma.cu
namespace cuda_cores {
bool conv2d_forward(const View& out, const View& input, const View& weight, const View* bias, const Conv2dParams& params);
bool conv2d_input_grad(const View& grad_input, const View& grad_out, const View& weight, const View* bias,
                       const Conv2dParams& params);
}  // namespace cuda_cores

// The weight gradient in tiles: on tensor cores in the half types, in float32 below the highest precision, and for 3x3 kernels on
// Hopper at the highest too; else in float32 on the CUDA cores. cuda_weight_grad_tiles.cu
bool tiled_weight_grad(const View& grad_weight, const View& input, const View& grad_out, const Conv2dParams& params);

}  // namespace tessera::kernels::cuda
