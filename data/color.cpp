#include "data/color.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace tessera::data {
namespace {

uint8_t to_byte(float value) { return static_cast<uint8_t>(std::clamp(value, 0.0f, 255.0f) + 0.5f); }

// Luma of ITU-R BT.601, the weights that PIL and torchvision use.
float luma(float r, float g, float b) { return 0.299f * r + 0.587f * g + 0.114f * b; }

float mean_luma(const Image& image) {
  std::array<int64_t, 3> sums = {};
  const size_t pixels = image.pixels.size() / 3;
  for (size_t i = 0; i < pixels; ++i)
    for (int c = 0; c < 3; ++c) sums[c] += image.pixels[3 * i + c];
  const double count = static_cast<double>(std::max<size_t>(pixels, 1));
  return luma(static_cast<float>(sums[0] / count), static_cast<float>(sums[1] / count), static_cast<float>(sums[2] / count));
}

// To the nearest whole number, of what is not negative.
uint8_t rounded(float value) { return static_cast<uint8_t>(value + 0.5f); }

using ByteTable = std::array<uint8_t, 256>;

template <class F> ByteTable make_table(const F& f) {
  ByteTable table;
  for (int v = 0; v < 256; ++v) table[v] = f(v);
  return table;
}

}  // namespace

Sample ColorJitter::operator()(Sample sample, RandomStream& stream) const {
  const auto factor = [&](double strength) { return static_cast<float>(stream.uniform(1 - strength, 1 + strength)); };
  const float brighten = factor(brightness), stretch = factor(contrast), saturate = factor(saturation);
  Image& image = sample.image;

  // Brightness and contrast map each sample by itself: both in one table of 256. The mean luma is linear in the samples.
  const float mean = contrast > 0 ? brighten * mean_luma(image) : 0.0f;
  std::array<float, 256> table;
  for (int v = 0; v < 256; ++v) table[v] = std::clamp(mean + stretch * (brighten * static_cast<float>(v) - mean), 0.0f, 255.0f);
  if (saturation == 0) {
    const ByteTable bytes = make_table([&](int v) { return to_byte(table[v]); });
    for (uint8_t& v : image.pixels) v = bytes[v];
    return sample;
  }
  const size_t pixels = image.pixels.size() / 3;
  for (size_t i = 0; i < pixels; ++i) {
    uint8_t* rgb = &image.pixels[3 * i];
    const float r = table[rgb[0]], g = table[rgb[1]], b = table[rgb[2]];
    const float grey = (1 - saturate) * luma(r, g, b);
    rgb[0] = to_byte(grey + saturate * r);
    rgb[1] = to_byte(grey + saturate * g);
    rgb[2] = to_byte(grey + saturate * b);
  }
  return sample;
}

Hsv to_hsv(uint8_t red, uint8_t green, uint8_t blue) {
  const int value = std::max({red, green, blue}), range = value - std::min({red, green, blue});
  if (range == 0) return {0, 0, static_cast<uint8_t>(value)};
  const auto third = [&](int difference) { return 30.0f * static_cast<float>(difference) / static_cast<float>(range); };
  float hue = value == red ? third(green - blue) : value == green ? 60 + third(blue - red) : 120 + third(red - green);
  if (hue < 0) hue += 180;
  const uint8_t whole = rounded(hue);
  return {static_cast<uint8_t>(whole == 180 ? 0 : whole), rounded(255.0f * static_cast<float>(range) / static_cast<float>(value)),
          static_cast<uint8_t>(value)};
}

Color to_rgb(const Hsv& hsv) {
  const float position = static_cast<float>(hsv.hue) / 30, value = hsv.value,
              saturation = static_cast<float>(hsv.saturation) / 255;
  const int turn = static_cast<int>(position), sector = turn % 6;  // a hue of 180 or more goes round again
  const float part = position - static_cast<float>(turn);
  const uint8_t full = hsv.value, none = rounded(value * (1 - saturation)), falling = rounded(value * (1 - saturation * part)),
                rising = rounded(value * (1 - saturation * (1 - part)));
  switch (sector) {
    case 0: return {full, rising, none};
    case 1: return {falling, full, none};
    case 2: return {none, full, rising};
    case 3: return {none, falling, full};
    case 4: return {rising, none, full};
    default: return {full, none, falling};
  }
}

Sample HsvJitter::operator()(Sample sample, RandomStream& stream) const {
  const double hue_factor = stream.uniform(1 - hue, 1 + hue), saturation_factor = stream.uniform(1 - saturation, 1 + saturation),
               value_factor = stream.uniform(1 - value, 1 + value);
  const auto times = [](double factor) {
    return make_table([factor](int v) { return static_cast<uint8_t>(std::clamp(v * factor, 0.0, 255.0)); });
  };
  const ByteTable hues = make_table([&](int v) { return static_cast<uint8_t>(std::fmod(v * hue_factor, 180.0)); });
  const ByteTable saturations = times(saturation_factor), values = times(value_factor);
  std::vector<uint8_t>& pixels = sample.image.pixels;
  for (size_t i = 0; i + 3 <= pixels.size(); i += 3) {
    const Hsv hsv = to_hsv(pixels[i], pixels[i + 1], pixels[i + 2]);
    const Color color = to_rgb({hues[hsv.hue], saturations[hsv.saturation], values[hsv.value]});
    std::copy(color.begin(), color.end(), pixels.begin() + static_cast<ptrdiff_t>(i));
  }
  return sample;
}

}  // namespace tessera::data
