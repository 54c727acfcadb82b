// nn::functional: borders, and channels taken as pixels.
#pragma once

#include <string>
#include <vector>

#include "core/ops/pad.h"
#include "nn/options.h"

namespace tessera {
// Modes of pad, and of the padding of convolutions.
inline const std::string kConstant = "constant", kReflect = "reflect", kReplicate = "replicate", kCircular = "circular",
                         kZeros = "zeros";
}  // namespace tessera

namespace tessera::nn {

class PixelShuffleOptions {
 public:
  PixelShuffleOptions(int64_t upscale_factor) : upscale_factor_(upscale_factor) {}  // NOLINT
  TESSERA_ARG(int64_t, upscale_factor);
};
class PixelUnshuffleOptions {
 public:
  PixelUnshuffleOptions(int64_t downscale_factor) : downscale_factor_(downscale_factor) {}  // NOLINT
  TESSERA_ARG(int64_t, downscale_factor);
};

}  // namespace tessera::nn

namespace tessera::nn::functional {

class PadFuncOptions {
 public:
  PadFuncOptions(std::vector<int64_t> pad) : pad_(std::move(pad)) {}  // NOLINT: implicit, as in libtorch
  TESSERA_ARG(std::vector<int64_t>, pad);
  TESSERA_ARG(std::string, mode) = kConstant;
  TESSERA_ARG(double, value) = 0;
};
// core/ops/pad.h, and kCircular: the border is what lies at the other end, b c | a b c | a b; widths <= size, else ValueError.
Tensor pad(const Tensor& input, const PadFuncOptions& o);
using tessera::pad;

using PixelShuffleFuncOptions = PixelShuffleOptions;
using PixelUnshuffleFuncOptions = PixelUnshuffleOptions;
// out[..., c, y r + i, x r + j] = x[..., c r^2 + i r + j, y, x]: [..., C r^2, H, W] -> [..., C, H r, W r] (Shi et al., 2016), and
// back. ShapeError where r^2 does not divide the channels, or r the height or width.
Tensor pixel_shuffle(const Tensor& input, const PixelShuffleFuncOptions& o);
Tensor pixel_unshuffle(const Tensor& input, const PixelUnshuffleFuncOptions& o);

}  // namespace tessera::nn::functional
