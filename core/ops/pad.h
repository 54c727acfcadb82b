// Padding.
#pragma once

#include <string_view>

#include "core/tensor.h"

namespace tessera {

// x with a border. `pads` in PyTorch's order: (before, after) of the last dimension, then of the one before it, and so on.
//   "constant"   the border is `value`; negative widths crop
//   "reflect"    mirrored at the edge element, which is not repeated: c b | a b c | b a; widths < size
//   "replicate"  the edge element: a a | a b c | c c
// Keeps dtype and memory format. Gradient: each element gets the sum of what was copied from it; made of ops.
// Errors: ValueError for an unknown mode or widths that the mode does not take, ShapeError for too many or uneven pads.
Tensor pad(const Tensor& x, IntArrayRef pads, std::string_view mode = "constant", double value = 0);

}  // namespace tessera
