#pragma once
#include "core/tensor.h"
namespace tessera {
Tensor cat(const TensorList& tensors, int64_t dim = 0);
}  // namespace tessera
