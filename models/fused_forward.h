// Running a Sequential with fewer passes over memory.
#pragma once

#include "nn/containers.h"

namespace tessera::models {

// layers.forward(x), the same numbers; but a BatchNorm2d and the ReLU after it run as one op, which saves nothing for the ReLU.
Tensor fused_forward(nn::SequentialImpl& layers, Tensor x);

}  // namespace tessera::models
