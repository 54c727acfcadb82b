#include "data/rotation.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "data/transforms.h"

namespace tessera::data {

Sample rotate_quarters(const Sample& sample, int quarters) {
  const int turns = (quarters % 4 + 4) % 4;
  if (turns == 0) return sample;
  const Image& image = sample.image;
  const bool exchanged = turns % 2 == 1;
  const int height = exchanged ? image.width : image.height, width = exchanged ? image.height : image.width;
  Sample turned{Image(height, width, image.channels), Label(height, width), sample.name};
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const int from_y = turns == 1 ? x : turns == 2 ? height - 1 - y : width - 1 - x;
      const int from_x = turns == 1 ? height - 1 - y : turns == 2 ? width - 1 - x : y;
      std::copy_n(image.at(from_y, from_x), image.channels, turned.image.at(y, x));
      turned.label.at(y, x) = sample.label.at(from_y, from_x);
    }
  return turned;
}

Sample rotate(const Sample& sample, double degrees, int32_t ignore_index) {
  const Image& image = sample.image;
  const double angle = degrees * std::numbers::pi / 180, cosine = std::cos(angle), sine = std::sin(angle);
  const double middle_y = (image.height - 1) / 2.0, middle_x = (image.width - 1) / 2.0;
  Sample turned{Image(image.height, image.width, image.channels, kPaddingGrey), Label(image.height, image.width, ignore_index),
                sample.name};
  for (int y = 0; y < image.height; ++y)
    for (int x = 0; x < image.width; ++x) {
      // Where the pixel comes from: the inverse turn. The row axis points down.
      const double from_x = middle_x + cosine * (x - middle_x) - sine * (y - middle_y);
      const double from_y = middle_y + sine * (x - middle_x) + cosine * (y - middle_y);
      const long nearest_x = std::lround(from_x), nearest_y = std::lround(from_y);
      if (nearest_x < 0 || nearest_x >= image.width || nearest_y < 0 || nearest_y >= image.height) continue;
      turned.label.at(y, x) = sample.label.at(static_cast<int>(nearest_y), static_cast<int>(nearest_x));

      const int x0 = static_cast<int>(std::floor(from_x)), y0 = static_cast<int>(std::floor(from_y));
      const double right = from_x - x0, below = from_y - y0;
      const int xs[2] = {std::max(x0, 0), std::min(x0 + 1, image.width - 1)};
      const int ys[2] = {std::max(y0, 0), std::min(y0 + 1, image.height - 1)};
      for (int c = 0; c < image.channels; ++c) {
        const double above = (1 - right) * image.at(ys[0], xs[0])[c] + right * image.at(ys[0], xs[1])[c];
        const double under = (1 - right) * image.at(ys[1], xs[0])[c] + right * image.at(ys[1], xs[1])[c];
        turned.image.at(y, x)[c] = static_cast<uint8_t>(std::lround((1 - below) * above + below * under));
      }
    }
  return turned;
}

Sample RandomQuarterTurns::operator()(Sample sample, RandomStream& stream) const {
  const int turns = static_cast<int>(stream.integer(0, 3));
  return rotate_quarters(sample, sample.image.height == sample.image.width ? turns : turns / 2 * 2);
}

Sample RandomRotation::operator()(Sample sample, RandomStream& stream) const {
  return rotate(sample, stream.uniform(-degrees, degrees), ignore_index);
}

}  // namespace tessera::data
