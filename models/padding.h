// Images of any size for networks that halve them several times.
#pragma once

#include "core/tensor.h"

namespace tessera::models {

// image [N, C, H, W], continued at its right and lower edge by repeating the last pixels, so that `multiple` divides its height
// and width; the image itself where it does already. Throws ShapeError for other ranks.
Tensor pad_to_multiple(const Tensor& image, int64_t multiple);

// The upper left [N, C, height, width] of x, as a view; x itself where it has that size.
Tensor crop_to(const Tensor& x, int64_t height, int64_t width);

}  // namespace tessera::models
