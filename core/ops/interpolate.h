// Resampling of images [N, C, H, W], with PyTorch's coordinate rules (kernels/interpolate/interpolate.h).
#pragma once

#include <optional>
#include <vector>

#include "core/tensor.h"

namespace tessera {

// Both keep the memory format of a dense input and can be differentiated any number of times. scales_h and scales_w, where given, are the factors
// (out / in) that set the step between source positions; otherwise the sizes do.
// Throws TypeError for a tensor that is not floating-point, ShapeError for other ranks and for empty inputs or outputs, and
// ValueError for an output_size of other than two numbers.
Tensor upsample_nearest2d(const Tensor& input, IntArrayRef output_size, std::optional<double> scales_h = {},
                          std::optional<double> scales_w = {});
// align_corners: the centres of the corner pixels coincide; otherwise the edges of the images do.
Tensor upsample_bilinear2d(const Tensor& input, IntArrayRef output_size, bool align_corners, std::optional<double> scales_h = {},
                           std::optional<double> scales_w = {});

enum class InterpolateMode : uint8_t { Nearest, Bilinear };
inline constexpr InterpolateMode kNearest = InterpolateMode::Nearest, kBilinear = InterpolateMode::Bilinear;

struct InterpolateOptions {
  // One of the two, one number or {height, width}. A scale factor gives floor(in * factor) pixels.
  std::optional<std::vector<int64_t>> size = {};
  std::optional<std::vector<double>> scale_factor = {};
  InterpolateMode mode = InterpolateMode::Nearest;
  std::optional<bool> align_corners = {};  // bilinear only; false unless given
  // Take the step between source positions from the rounded sizes, and not from the factor.
  bool recompute_scale_factor = false;
};

// Throws ValueError unless exactly one of size and scale_factor is given, and for align_corners with Nearest.
Tensor interpolate(const Tensor& input, const InterpolateOptions& options);

}  // namespace tessera
