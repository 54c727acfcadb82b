// Pooling by cuDNN, to compare with. Builds with cuDNN's headers alone have it. It has neither dilation nor divisor_override, nor
// windows that run past the padded input (ceil_mode): DeviceError for those. Its max pooling does not tell where the maxima were.
#pragma once

#include "kernels/pool/pool.h"

namespace tessera::kernels::cudnn {

MaxPool2dValues max_pool2d_values;
AvgPool2dForward avg_pool2d_forward;
AvgPool2dBackward avg_pool2d_backward;

}  // namespace tessera::kernels::cudnn
