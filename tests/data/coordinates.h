// A sample in which any move shows.
#pragma once

#include "data/sample.h"

namespace tessera::data {

// Every pixel holds its own coordinates, so that any move shows.
inline Sample coordinates(int height, int width) {
  Sample sample{Image(height, width), Label(height, width), "s"};
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      sample.image.at(y, x)[0] = static_cast<uint8_t>(y);
      sample.image.at(y, x)[1] = static_cast<uint8_t>(x);
      sample.label.at(y, x) = 100 * y + x;
    }
  return sample;
}

}  // namespace tessera::data
