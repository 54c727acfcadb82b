#include "data/transforms.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/error.h"

namespace tessera::data {
namespace {

// The input samples that make output samples first_output .. first_output + outputs - 1 of a bilinear resize from `in` to `out`
// samples, and their weights, which sum to 1.
struct Taps {
  std::vector<int> first, count;
  std::vector<float> weights;  // `widest` entries an output sample
  int widest;
};

// The triangle filter reaches one input sample to each side, or one output sample's width when shrinking.
Taps triangle_taps(int in, int out, int first_output, int outputs) {
  const double scale = static_cast<double>(in) / out, reach = std::max(scale, 1.0);
  Taps taps;
  taps.widest = static_cast<int>(std::ceil(reach)) * 2 + 1;
  taps.weights.assign(static_cast<size_t>(outputs) * taps.widest, 0.0f);
  for (int o = 0; o < outputs; ++o) {
    const double center = (first_output + o + 0.5) * scale;
    const auto weight = [&](int i) { return 1 - std::fabs(i + 0.5 - center) / reach; };
    int begin = std::max(0, static_cast<int>(std::floor(center - reach)));
    int end = std::min(in, static_cast<int>(std::ceil(center + reach)));
    while (weight(begin) <= 0) ++begin;
    while (weight(end - 1) <= 0) --end;
    double sum = 0;
    for (int i = begin; i < end; ++i) sum += weight(i);
    for (int i = begin; i < end; ++i)
      taps.weights[static_cast<size_t>(o) * taps.widest + i - begin] = static_cast<float>(weight(i) / sum);
    taps.first.push_back(begin);
    taps.count.push_back(end - begin);
  }
  return taps;
}

uint8_t to_byte(float value) {
  return static_cast<uint8_t>(std::clamp(value, 0.0f, 255.0f) + 0.5f);
}

// Luma of ITU-R BT.601, the weights that PIL and torchvision use.
float luma(float r, float g, float b) { return 0.299f * r + 0.587f * g + 0.114f * b; }

// One row of pixels from a row of float pixels, of which row[0] is that of the input column `first_column`.
template <int kChannels> void resample_row(uint8_t* target, const float* row, int first_column, const Taps& taps) {
  for (size_t x = 0; x < taps.first.size(); ++x, target += kChannels) {
    const float* weights = &taps.weights[x * taps.widest];
    const float* source = row + static_cast<ptrdiff_t>(taps.first[x] - first_column) * kChannels;
    float sums[kChannels] = {};
    for (int k = 0; k < taps.count[x]; ++k, source += kChannels)
      for (int c = 0; c < kChannels; ++c) sums[c] += weights[k] * source[c];
    for (int c = 0; c < kChannels; ++c) target[c] = to_byte(sums[c]);
  }
}

// A part of a picture or label map.
struct Window {
  int y, x, height, width;
};

// The window of the image that has been resized to height x width, without making the rest of it.
Image resize_bilinear(const Image& image, int height, int width, const Window& window) {
  const int channels = image.channels;
  check<ValueError>(height > 0 && width > 0 && image.height > 0 && image.width > 0 && (channels == 1 || channels == 3),
                    "resize_bilinear: from {}x{}x{} to {}x{}. Sizes must be positive, channels 1 or 3.", image.height,
                    image.width, channels, height, width);
  // Rows first: each output row is a weighted sum of whole input rows, which vectorises; then the columns of that row.
  const Taps vertical = triangle_taps(image.height, height, window.y, window.height);
  const Taps horizontal = triangle_taps(image.width, width, window.x, window.width);
  const int first_column = horizontal.first.front(), columns = horizontal.first.back() + horizontal.count.back() - first_column;
  Image resized(window.height, window.width, channels);
  std::vector<float> row(static_cast<size_t>(columns) * channels);
  for (int y = 0; y < window.height; ++y) {
    std::fill(row.begin(), row.end(), 0.0f);
    for (int k = 0; k < vertical.count[y]; ++k) {
      const float weight = vertical.weights[static_cast<size_t>(y) * vertical.widest + k];
      const uint8_t* source = image.at(vertical.first[y] + k, first_column);
      for (size_t i = 0; i < row.size(); ++i) row[i] += weight * source[i];
    }
    if (channels == 3)
      resample_row<3>(resized.at(y, 0), row.data(), first_column, horizontal);
    else
      resample_row<1>(resized.at(y, 0), row.data(), first_column, horizontal);
  }
  return resized;
}

Label resize_nearest(const Label& label, int height, int width, const Window& window) {
  check<ValueError>(height > 0 && width > 0 && label.height > 0 && label.width > 0,
                    "resize_nearest: from {}x{} to {}x{}. Sizes must be positive.", label.height, label.width, height, width);
  const auto source = [](int out, int in_size, int out_size) {  // the input pixel under the output pixel's centre
    return static_cast<int>((2 * static_cast<int64_t>(out) + 1) * in_size / (2 * static_cast<int64_t>(out_size)));
  };
  std::vector<int> columns(window.width);
  for (int x = 0; x < window.width; ++x) columns[x] = source(window.x + x, label.width, width);
  Label resized(window.height, window.width);
  for (int y = 0; y < window.height; ++y) {
    const int row = source(window.y + y, label.height, height);
    for (int x = 0; x < window.width; ++x) resized.at(y, x) = label.at(row, columns[x]);
  }
  return resized;
}

// A random place for a window of `wanted` in a line of `size` (or for the line in the window, if that is larger).
int random_place(int size, int wanted, RandomStream& stream) {
  return static_cast<int>(stream.integer(std::min(0, size - wanted), std::max(0, size - wanted)));
}

std::pair<int, int> random_size(const Image& image, double low, double high, RandomStream& stream) {
  check<ValueError>(low > 0 && low <= high, "RandomScale: factors {} to {}. They must be positive and in order.", low, high);
  const double factor = stream.uniform(low, high);
  return {std::max(1, static_cast<int>(std::lround(image.height * factor))),
          std::max(1, static_cast<int>(std::lround(image.width * factor)))};
}

}  // namespace

Image resize_bilinear(const Image& image, int height, int width) {
  if (height == image.height && width == image.width) return image;
  return resize_bilinear(image, height, width, {0, 0, height, width});
}

Label resize_nearest(const Label& label, int height, int width) {
  return resize_nearest(label, height, width, {0, 0, height, width});
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
  const auto [height, width] = random_size(sample.image, low, high, stream);
  return Resize{height, width}(std::move(sample), stream);
}

Sample RandomCrop::operator()(Sample sample, RandomStream& stream) const {
  const int y = random_place(sample.image.height, height, stream), x = random_place(sample.image.width, width, stream);
  return crop(sample, y, x, height, width, ignore_index);
}

Sample RandomScaledCrop::operator()(Sample sample, RandomStream& stream) const {
  const auto [full_height, full_width] = random_size(sample.image, low, high, stream);
  const int y = random_place(full_height, height, stream), x = random_place(full_width, width, stream);
  const Window seen = {std::max(0, y), std::max(0, x), std::min(height, full_height), std::min(width, full_width)};
  const Sample part{resize_bilinear(sample.image, full_height, full_width, seen),
                    resize_nearest(sample.label, full_height, full_width, seen), std::move(sample.name)};
  return crop(part, std::min(0, y), std::min(0, x), height, width, ignore_index);
}

Sample ColorJitter::operator()(Sample sample, RandomStream& stream) const {
  const auto factor = [&](double strength) { return static_cast<float>(stream.uniform(1 - strength, 1 + strength)); };
  const float brighten = factor(brightness), stretch = factor(contrast), saturate = factor(saturation);
  Image& image = sample.image;
  const size_t pixels = image.pixels.size() / 3;

  // Brightness and contrast map each sample by itself: both in one table of 256. The mean luma is linear in the samples.
  std::array<int64_t, 3> sums = {};
  for (size_t i = 0; i < pixels; ++i)
    for (int c = 0; c < 3; ++c) sums[c] += image.pixels[3 * i + c];
  const double count = static_cast<double>(std::max<size_t>(pixels, 1));
  const float mean = brighten * luma(static_cast<float>(sums[0] / count), static_cast<float>(sums[1] / count),
                                     static_cast<float>(sums[2] / count));
  std::array<float, 256> table;
  for (int v = 0; v < 256; ++v) table[v] = std::clamp(mean + stretch * (brighten * static_cast<float>(v) - mean), 0.0f, 255.0f);

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
