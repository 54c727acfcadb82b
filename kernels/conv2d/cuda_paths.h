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

// On tensor cores; false if the arguments do not suit them, and nothing has been done then.
namespace tensor_core {
// Channels-last operands in a half type, or in float32 below the highest precision. cuda_weight_grad_mma.cu
bool conv2d_weight_grad(const View& grad_weight, const View& input, const View& grad_out, const Conv2dParams& params);
}  // namespace tensor_core

}  // namespace tessera::kernels::cuda
