#include "data/palette.h"

#include <cmath>

#include "core/error.h"
#include "data/image.h"

namespace tessera::data {
namespace {

// Hue in turns (the fraction counts), saturation and value in 0..1.
Color from_hsv(double hue, double saturation, double value) {
  const auto channel = [&](double shift) {
    const double position = 6 * (hue + shift - std::floor(hue + shift));  // 0..6 around the circle
    const double ramp = std::fmin(std::fmax(std::fabs(position - 3) - 1, 0), 1);
    return static_cast<uint8_t>(std::lround(255 * value * (1 - saturation + saturation * ramp)));
  };
  return {channel(0), channel(2.0 / 3), channel(1.0 / 3)};
}

bool in_palette(int32_t id, const Palette& palette) {
  return id >= 0 && static_cast<size_t>(id) < palette.size();
}

}  // namespace

Palette voc_palette(int count) {
  check<ValueError>(count >= 1 && count <= 256, "voc_palette: {} colours. It has 1 to 256.", count);
  Palette palette(count);
  for (int index = 0; index < count; ++index)
    for (int bit = 0; bit < 8; ++bit)
      for (int c = 0; c < 3; ++c) {
        const int source = 3 * bit + c;
        if (source < 8 && (index >> source & 1)) palette[index][c] |= 0x80 >> bit;
      }
  return palette;
}

const std::vector<std::string>& voc_class_names() {
  static const std::vector<std::string> names = {
      "background", "aeroplane", "bicycle", "bird",      "boat",   "bottle",      "bus",   "car",  "cat",   "chair",    "cow",
      "diningtable", "dog",       "horse",   "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"};
  return names;
}

const std::vector<std::string>& camvid_class_names() {
  static const std::vector<std::string> names = {"sky",  "building", "pole", "road",       "pavement", "tree",
                                                 "sign", "fence",    "car",  "pedestrian", "bicyclist"};
  return names;
}

Palette camvid_palette() {
  return {{128, 128, 128}, {128, 0, 0},   {192, 192, 128}, {128, 64, 128}, {60, 40, 222}, {128, 128, 0},
          {192, 128, 128}, {64, 64, 128}, {64, 0, 128},    {64, 64, 0},    {0, 128, 192}, {0, 0, 0}};
}

Palette distinct_palette(int count) {
  constexpr double kGoldenRatio = 0.6180339887498949;
  Palette palette;
  for (int i = 0; i < count; ++i) {
    if (i == 0) {
      palette.push_back({48, 48, 48});
      continue;
    }
    const int turn = (i - 1) / 8;  // after eight hues the next ones come paler or darker
    palette.push_back(from_hsv((i - 1) * kGoldenRatio, turn % 2 ? 0.45 : 0.8, turn % 3 == 2 ? 0.6 : 0.95));
  }
  return palette;
}

Image colorize(const Label& label, const Palette& palette) {
  Image image(label.height, label.width);
  for (size_t i = 0; i < label.ids.size(); ++i)
    if (in_palette(label.ids[i], palette))
      for (int c = 0; c < 3; ++c) image.pixels[3 * i + c] = palette[label.ids[i]][c];
  return image;
}

Image overlay(const Image& image, const Label& label, const Palette& palette, double alpha) {
  check<ValueError>(image.channels == 3 && image.height == label.height && image.width == label.width,
                    "overlay: an image of {}x{}x{} and a label of {}x{}. Sizes must agree, in RGB.", image.height, image.width,
                    image.channels, label.height, label.width);
  check<ValueError>(alpha >= 0 && alpha <= 1, "overlay: alpha {} is outside 0..1.", alpha);
  Image blended = image;
  for (size_t i = 0; i < label.ids.size(); ++i)
    if (in_palette(label.ids[i], palette))
      for (int c = 0; c < 3; ++c) {
        uint8_t& sample = blended.pixels[3 * i + c];
        sample = static_cast<uint8_t>(std::lround((1 - alpha) * sample + alpha * palette[label.ids[i]][c]));
      }
  return blended;
}

}  // namespace tessera::data
