// Transforms that place a resized picture on a canvas: grey 128 around the picture, the ignore index around its label. (The U-Net
// note pads labels with class 0; what is no picture has no class.)
#pragma once

#include "data/random_stream.h"
#include "data/resample.h"
#include "data/sample.h"

namespace tessera::data {

// The picture resized to height x width with its corner at (y, x) of a canvas: what lies outside is cut off, and not computed.
Sample paste(const Sample& sample, int height, int width, int y, int x, int canvas_height, int canvas_width, int32_t ignore_index,
             Filter filter = Filter::kBicubic);

// The U-Net note's augmentation: the aspect ratio times (1 + a) / (1 + b) with a, b uniform in -jitter..jitter, the longer side of
// the result `low`..`high` times that of the canvas, flipped or not, at a random place of the canvas. Bicubic, labels nearest.
struct RandomAspectPaste {
  int height, width;  // of the canvas
  int32_t ignore_index = 255;
  double jitter = 0.3, low = 0.25, high = 2.0, flip = 0.5;
  Sample operator()(Sample sample, RandomStream& stream) const;
};

// The largest size of the same aspect ratio that fits, in the middle of the canvas: the note's validation.
struct LetterBox {
  int height, width;
  int32_t ignore_index = 255;
  Sample operator()(Sample sample, RandomStream& stream) const;
};

}  // namespace tessera::data
