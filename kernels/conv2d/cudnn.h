// Convolution by cuDNN, to compare with. Builds with cuDNN's headers alone have it. A weight gradient that is wanted in float32 of
// half operands is rounded to their type first.
#pragma once

#include "kernels/conv2d/conv2d.h"

namespace tessera::kernels::cudnn {

Conv2dForward conv2d_forward;
Conv2dInputGrad conv2d_input_grad;
Conv2dWeightGrad conv2d_weight_grad;

}  // namespace tessera::kernels::cudnn
