// Transforms of colours; labels stay as they are.
#pragma once

#include "data/random_stream.h"
#include "data/sample.h"

namespace tessera::data {

// Brightness, contrast and saturation, in this order, each by a factor uniform in 1 - x..1 + x:
//   brightness f * v;  contrast m + f * (v - m), m = the picture's mean luma;  saturation l + f * (v - l), l = the pixel's luma.
struct ColorJitter {
  double brightness = 0, contrast = 0, saturation = 0;
  Sample operator()(Sample sample, RandomStream& stream) const;
};

// Hue, saturation and value times factors uniform in 1 - x..1 + x, by lookup tables on 8-bit HSV, as the U-Net note and OpenCV
// have it: value v = max(r, g, b); saturation 255 * (v - min) / v; hue in 0..179, half degrees, which wraps around; products are
// rounded down and clipped to 0..255.
struct HsvJitter {
  double hue = 0.1, saturation = 0.7, value = 0.3;
  Sample operator()(Sample sample, RandomStream& stream) const;
};

// 8-bit HSV as above and back.
struct Hsv {
  uint8_t hue, saturation, value;
  bool operator==(const Hsv&) const = default;
};
Hsv to_hsv(uint8_t red, uint8_t green, uint8_t blue);
Color to_rgb(const Hsv& hsv);

}  // namespace tessera::data
