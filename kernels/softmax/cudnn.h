// Softmax by cuDNN, to compare with. Builds with cuDNN's headers alone have it.
#pragma once

#include "kernels/softmax/softmax.h"

namespace tessera::kernels::cudnn {

SoftmaxForward softmax_forward, log_softmax_forward;
SoftmaxBackward softmax_backward, log_softmax_backward;

}  // namespace tessera::kernels::cudnn
