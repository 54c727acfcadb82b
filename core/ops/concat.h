// Joining tensors. The parts of one are in shape.h: split, chunk, narrow.
#pragma once

#include "core/tensor.h"

namespace tessera {

// The tensors one after the other along dim. They have the same sizes in the other dimensions, else ShapeError (empty tensors
// of shape [0] are passed over); the dtype is the common promotion; channels-last if the first one is. Gradients: slices.
Tensor cat(const TensorList& tensors, int64_t dim = 0);

// The tensors, all of one shape, along a new dimension `dim`.
Tensor stack(const TensorList& tensors, int64_t dim = 0);

}  // namespace tessera
