#include "nn/functional/pad.h"

#include "core/ops/concat.h"
#include "core/ops/shape.h"

namespace tessera::nn::functional {
namespace {

Tensor circular_pad(Tensor x, IntArrayRef pads) {
  check<ShapeError>(pads.size() % 2 == 0 && static_cast<int64_t>(pads.size()) <= 2 * x.dim(),
                    "pad: {} widths for an input of shape {}", pads.size(), x.sizes());
  for (size_t i = 0; i < pads.size(); i += 2) {
    const int64_t dim = x.dim() - 1 - static_cast<int64_t>(i / 2), size = x.size(dim), before = pads[i], after = pads[i + 1];
    check<ValueError>(before >= 0 && after >= 0 && before <= size && after <= size,
                      "pad: circular borders of {} and {} on a dimension of {}", before, after, size);
    x = cat({narrow(x, dim, size - before, before), x, narrow(x, dim, 0, after)}, dim);
  }
  return x;
}

// The sizes of x with the last three replaced.
DimVector with_image(const Tensor& x, std::initializer_list<int64_t> last) {
  DimVector sizes(x.sizes().begin(), x.sizes().end() - 3);
  for (int64_t size : last) sizes.push_back(size);
  return sizes;
}

// x with its last five dimensions in the order `last` (counted from the first of the five).
Tensor permute_last_five(const Tensor& x, std::initializer_list<int64_t> last) {
  DimVector dims;
  for (int64_t d = 0; d < x.dim() - 5; ++d) dims.push_back(d);
  for (int64_t d : last) dims.push_back(x.dim() - 5 + d);
  return permute(x, dims);
}

}  // namespace

Tensor pad(const Tensor& input, const PadFuncOptions& o) {
  return o.mode() == kCircular ? circular_pad(input, o.pad()) : tessera::pad(input, o.pad(), o.mode(), o.value());
}

Tensor pixel_shuffle(const Tensor& input, const PixelShuffleFuncOptions& o) {
  const int64_t r = o.upscale_factor();
  check<ShapeError>(r > 0 && input.dim() >= 3 && input.size(-3) % (r * r) == 0,
                    "pixel_shuffle: a factor of {} for an input of shape {}, which must be [..., C r^2, H, W]", r, input.sizes());
  const int64_t channels = input.size(-3) / (r * r), height = input.size(-2), width = input.size(-1);
  const Tensor parts = reshape(input, with_image(input, {channels, r, r, height, width}));
  return reshape(permute_last_five(parts, {0, 3, 1, 4, 2}), with_image(input, {channels, height * r, width * r}));
}

Tensor pixel_unshuffle(const Tensor& input, const PixelUnshuffleFuncOptions& o) {
  const int64_t r = o.downscale_factor();
  check<ShapeError>(r > 0 && input.dim() >= 3 && input.size(-2) % r == 0 && input.size(-1) % r == 0,
                    "pixel_unshuffle: a factor of {} for an input of shape {}, which must be [..., C, H r, W r]", r,
                    input.sizes());
  const int64_t channels = input.size(-3), height = input.size(-2) / r, width = input.size(-1) / r;
  const Tensor parts = reshape(input, with_image(input, {channels, height, r, width, r}));
  return reshape(permute_last_five(parts, {0, 2, 4, 1, 3}), with_image(input, {channels * r * r, height, width}));
}

}  // namespace tessera::nn::functional
