#include "models/padding.h"

#include "core/ops/pad.h"

namespace tessera::models {

Tensor pad_to_multiple(const Tensor& image, int64_t multiple) {
  check<ShapeError>(image.dim() == 4, "pad_to_multiple: an image [N, C, H, W] is needed, not {}", image.sizes());
  const auto missing = [&](int64_t size) { return (multiple - size % multiple) % multiple; };
  const int64_t below = missing(image.size(2)), right = missing(image.size(3));
  return below + right == 0 ? image : pad(image, {0, right, 0, below}, "replicate");
}

Tensor crop_to(const Tensor& x, int64_t height, int64_t width) {
  return x.size(2) == height && x.size(3) == width ? x : x.narrow(2, 0, height).narrow(3, 0, width);
}

}  // namespace tessera::models
