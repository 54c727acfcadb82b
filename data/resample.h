// Pictures and label maps in another size.
#pragma once

#include "data/image.h"

namespace tessera::data {

// A part of a picture or label map.
struct Window {
  int y = 0, x = 0, height = 0, width = 0;
};

// kBilinear: the triangle filter, which reaches one pixel to each side. kBicubic: Keys' cubic with a = -0.5 (Keys, Cubic
// convolution interpolation for digital image processing, 1981), which reaches two and may overshoot at edges.
enum class Filter { kBilinear, kBicubic };

// The picture in height x width, as Pillow and torchvision's antialias make it: pixel centres lie at half coordinates, and the
// filter widens when it shrinks, so that a small picture is no sieve of a large one. Columns first, then rows (the other way round
// where the height shrinks and the width grows), each rounded to whole grey levels and clipped to 0..255.
Image resize(const Image& image, int height, int width, Filter filter);
// The window of that, which must lie inside, without making the rest of it.
Image resize(const Image& image, int height, int width, Filter filter, const Window& window);

inline Image resize_bilinear(const Image& image, int height, int width) {
  return resize(image, height, width, Filter::kBilinear);
}
inline Image resize_bicubic(const Image& image, int height, int width) { return resize(image, height, width, Filter::kBicubic); }

// Each pixel takes the id of the input pixel under its centre.
Label resize_nearest(const Label& label, int height, int width);
Label resize_nearest(const Label& label, int height, int width, const Window& window);

}  // namespace tessera::data
