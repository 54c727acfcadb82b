#include "data/transforms.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/error.h"

namespace tessera::data {
namespace {

// The input samples that make one output sample of a bilinear resize, and their weights, which sum to 1.
struct Taps {
  std::vector<int> first, count;
  std::vector<float> weights;  // `widest` entries an output sample
  int widest;
};

// The triangle filter reaches one input sample to each side, or one output sample's width when shrinking.
Taps triangle_taps(int in, int out) {
  const double scale = static_cast<double>(in) / out, reach = std::max(scale, 1.0);
  Taps taps;
  taps.widest = static_cast<int>(std::ceil(reach)) * 2 + 1;
  taps.first.resize(out);
  taps.count.resize(out);
  taps.weights.assign(static_cast<size_t>(out) * taps.widest, 0.0f);
  for (int o = 0; o < out; ++o) {
    const double center = (o + 0.5) * scale;
    const int begin = std::max(0, static_cast<int>(std::floor(center - reach)));
    const int end = std::min(in, static_cast<int>(std::ceil(center + reach)));
    taps.first[o] = begin;
    taps.count[o] = std::min(end - begin, taps.widest);
    float* weights = &taps.weights[static_cast<size_t>(o) * taps.widest];
    double sum = 0;
    for (int k = 0; k < taps.count[o]; ++k) sum += weights[k] = std::max(0.0, 1 - std::fabs(begin + k + 0.5 - center) / reach);
    for (int k = 0; k < taps.count[o]; ++k) weights[k] = static_cast<float>(weights[k] / sum);
  }
  return taps;
}

uint8_t to_byte(float value) {
  return static_cast<uint8_t>(std::clamp(value, 0.0f, 255.0f) + 0.5f);
}

// Luma of ITU-R BT.601, the weights that PIL and torchvision use.
float luma(const uint8_t* rgb) {
  return 0.299f * rgb[0] + 0.587f * rgb[1] + 0.114f * rgb[2];
}

}  // namespace

Image resize_bilinear(const Image& image, int height, int width) {
  check<ValueError>(height > 0 && width > 0 && image.height > 0 && image.width > 0,
                    "resize_bilinear: from {}x{} to {}x{}. Sizes must be positive.", image.height, image.width, height, width);
  if (height == image.height && width == image.width) return image;
  const int channels = image.channels;
  const size_t in_row = static_cast<size_t>(image.width) * channels;

  // Rows first: each output row is a weighted sum of whole input rows, which vectorises; then the columns of that row.
  const Taps vertical = triangle_taps(image.height, height), horizontal = triangle_taps(image.width, width);
  Image resized(height, width, channels);
  std::vector<float> row(in_row);
  for (int y = 0; y < height; ++y) {
    std::fill(row.begin(), row.end(), 0.0f);
    for (int k = 0; k < vertical.count[y]; ++k) {
      const float weight = vertical.weights[static_cast<size_t>(y) * vertical.widest + k];
      const uint8_t* source = image.at(vertical.first[y] + k, 0);
      for (size_t i = 0; i < in_row; ++i) row[i] += weight * source[i];
    }
    uint8_t* target = resized.at(y, 0);
    for (int x = 0; x < width; ++x) {
      const float* weights = &horizontal.weights[static_cast<size_t>(x) * horizontal.widest];
      const float* source = &row[static_cast<size_t>(horizontal.first[x]) * channels];
      for (int c = 0; c < channels; ++c) {
        float sum = 0;
        for (int k = 0; k < horizontal.count[x]; ++k) sum += weights[k] * source[k * channels + c];
        *target++ = to_byte(sum);
      }
    }
  }
  return resized;
}

Label resize_nearest(const Label& label, int height, int width) {
  check<ValueError>(height > 0 && width > 0 && label.height > 0 && label.width > 0,
                    "resize_nearest: from {}x{} to {}x{}. Sizes must be positive.", label.height, label.width, height, width);
  const auto source = [](int out, int in_size, int out_size) {  // the input pixel under the output pixel's centre
    return static_cast<int>((2 * static_cast<int64_t>(out) + 1) * in_size / (2 * static_cast<int64_t>(out_size)));
  };
  std::vector<int> columns(width);
  for (int x = 0; x < width; ++x) columns[x] = source(x, label.width, width);
  Label resized(height, width);
  for (int y = 0; y < height; ++y) {
    const int row = source(y, label.height, height);
    for (int x = 0; x < width; ++x) resized.at(y, x) = label.at(row, columns[x]);
  }
  return resized;
}

Sample crop(const Sample& sample, int y, int x, int height, int width, int32_t ignore_index) {
  check<ValueError>(height > 0 && width > 0, "crop: a window of {}x{}. Sizes must be positive.", height, width);
  const Image& image = sample.image;
  Sample window{Image(height, width, image.channels, kPaddingGrey), Label(height, width, ignore_index), sample.name};
  const int left = std::max(0, -x), right = std::min(width, image.width - x);  // the columns that the picture covers
  if (left >= right) return window;
  for (int row = std::max(0, -y); row < std::min(height, image.height - y); ++row) {
    const uint8_t* pixels = image.at(y + row, x + left);
    std::copy(pixels, pixels + static_cast<size_t>(right - left) * image.channels, window.image.at(row, left));
    const int32_t* ids = &sample.label.ids[static_cast<size_t>(y + row) * image.width + x + left];
    std::copy(ids, ids + (right - left), &window.label.at(row, left));
  }
  return window;
}

Sample RandomHorizontalFlip::operator()(Sample sample, RandomStream& stream) const {
  if (!stream.chance(probability)) return sample;
  Image& image = sample.image;
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width / 2; ++x)
      std::swap_ranges(image.at(y, x), image.at(y, x) + image.channels, image.at(y, image.width - 1 - x));
    const auto ids = sample.label.ids.begin() + static_cast<ptrdiff_t>(y) * image.width;
    std::reverse(ids, ids + image.width);
  }
  return sample;
}

Sample RandomScale::operator()(Sample sample, RandomStream& stream) const {
  check<ValueError>(low > 0 && low <= high, "RandomScale: factors {} to {}. They must be positive and in order.", low, high);
  const double factor = stream.uniform(low, high);
  const int height = std::max(1, static_cast<int>(std::lround(sample.image.height * factor)));
  const int width = std::max(1, static_cast<int>(std::lround(sample.image.width * factor)));
  return Resize{height, width}(std::move(sample), stream);
}

Sample RandomCrop::operator()(Sample sample, RandomStream& stream) const {
  const int spare_y = sample.image.height - height, spare_x = sample.image.width - width;  // negative: the picture is smaller
  const int y = static_cast<int>(stream.integer(std::min(0, spare_y), std::max(0, spare_y)));
  const int x = static_cast<int>(stream.integer(std::min(0, spare_x), std::max(0, spare_x)));
  return crop(sample, y, x, height, width, ignore_index);
}

Sample ColorJitter::operator()(Sample sample, RandomStream& stream) const {
  const auto factor = [&](double strength) { return static_cast<float>(stream.uniform(1 - strength, 1 + strength)); };
  const float brighten = factor(brightness), stretch = factor(contrast), saturate = factor(saturation);
  Image& image = sample.image;
  const size_t pixels = image.pixels.size() / 3;

  // Brightness and contrast map each sample by itself: both in one table of 256. The mean luma is linear in the samples.
  double sum = 0;
  for (size_t i = 0; i < pixels; ++i) sum += luma(&image.pixels[3 * i]);
  const float mean = brighten * static_cast<float>(sum / static_cast<double>(std::max<size_t>(pixels, 1)));
  std::array<float, 256> table;
  for (int v = 0; v < 256; ++v) table[v] = std::clamp(mean + stretch * (brighten * static_cast<float>(v) - mean), 0.0f, 255.0f);

  for (size_t i = 0; i < pixels; ++i) {
    uint8_t* rgb = &image.pixels[3 * i];
    const float r = table[rgb[0]], g = table[rgb[1]], b = table[rgb[2]];
    const float grey = (1 - saturate) * (0.299f * r + 0.587f * g + 0.114f * b);
    rgb[0] = to_byte(grey + saturate * r);
    rgb[1] = to_byte(grey + saturate * g);
    rgb[2] = to_byte(grey + saturate * b);
  }
  return sample;
}

Sample Resize::operator()(Sample sample, RandomStream&) const {
  return {resize_bilinear(sample.image, height, width), resize_nearest(sample.label, height, width), std::move(sample.name)};
}

Sample PadToMultiple::operator()(Sample sample, RandomStream&) const {
  check<ValueError>(multiple > 0, "PadToMultiple: multiple {}. It must be positive.", multiple);
  const auto up = [&](int size) { return (size + multiple - 1) / multiple * multiple; };
  const int height = up(sample.image.height), width = up(sample.image.width);
  if (height == sample.image.height && width == sample.image.width) return sample;
  return crop(sample, 0, 0, height, width, ignore_index);
}

Sample Compose::operator()(Sample sample, RandomStream& stream) const {
  for (const Transform& transform : transforms) sample = transform(std::move(sample), stream);
  return sample;
}

}  // namespace tessera::data
