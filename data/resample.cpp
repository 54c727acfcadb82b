// Two passes, over the part of the picture that the window sees.
#include "data/resample.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "core/error.h"

namespace tessera::data {
namespace {

// The input samples that make output samples first_output .. first_output + outputs - 1 of a resize from `in` to `out` samples,
// and their weights, which sum to 1.
struct Taps {
  std::vector<int> first, count;
  std::vector<float> weights;  // `widest` entries an output sample
  int widest = 0;

  int begin() const { return *std::min_element(first.begin(), first.end()); }
  int end() const {
    int last = 0;
    for (size_t i = 0; i < first.size(); ++i) last = std::max(last, first[i] + count[i]);
    return last;
  }
};

double triangle(double x) { return std::max(0.0, 1 - std::fabs(x)); }

double cubic(double x) {
  constexpr double a = -0.5;
  x = std::fabs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

Taps make_taps(Filter filter, int in, int out, int first_output, int outputs) {
  const double scale = static_cast<double>(in) / out, stretch = std::max(scale, 1.0);
  const double reach = (filter == Filter::kBicubic ? 2 : 1) * stretch;
  Taps taps;
  taps.widest = static_cast<int>(std::ceil(reach)) * 2 + 1;
  taps.weights.assign(static_cast<size_t>(outputs) * taps.widest, 0.0f);
  std::vector<double> weights;
  for (int o = 0; o < outputs; ++o) {
    const double center = (first_output + o + 0.5) * scale;
    const auto weight = [&](int i) {
      const double x = (i + 0.5 - center) / stretch;
      return filter == Filter::kBicubic ? cubic(x) : triangle(x);
    };
    int begin = std::max(0, static_cast<int>(std::floor(center - reach)));
    int end = std::min(in, static_cast<int>(std::ceil(center + reach)));
    while (begin < end - 1 && weight(begin) == 0) ++begin;
    while (begin < end - 1 && weight(end - 1) == 0) --end;
    weights.clear();
    double sum = 0;
    for (int i = begin; i < end; ++i) sum += weights.emplace_back(weight(i));
    for (int i = begin; i < end; ++i)
      taps.weights[static_cast<size_t>(o) * taps.widest + i - begin] = static_cast<float>(weights[i - begin] / sum);
    taps.first.push_back(begin);
    taps.count.push_back(end - begin);
  }
  return taps;
}

uint8_t to_byte(float value) { return static_cast<uint8_t>(std::clamp(value, 0.0f, 255.0f) + 0.5f); }

// One row of output pixels from a row of float pixels, of which row[0] is that of the input column `first_column`. Pixels of
// three channels are read as four floats, which is one vector; the fourth belongs to the next pixel and is dropped. The row is
// one float longer than its pixels for that.
template <int kChannels> void resample_row(uint8_t* target, const float* row, int first_column, const Taps& taps) {
  constexpr int kLanes = kChannels == 3 ? 4 : 1;
  for (size_t x = 0; x < taps.first.size(); ++x, target += kChannels) {
    const float* weights = &taps.weights[x * taps.widest];
    const float* source = row + static_cast<ptrdiff_t>(taps.first[x] - first_column) * kChannels;
    float sums[kLanes] = {};
    for (int k = 0; k < taps.count[x]; ++k, source += kChannels)
      for (int c = 0; c < kLanes; ++c) sums[c] += weights[k] * source[c];
    for (int c = 0; c < kChannels; ++c) target[c] = to_byte(sums[c]);
  }
}

// The weighted sum of `count` rows of bytes, `stride` apart.
void resample_column(uint8_t* target, const uint8_t* rows, size_t stride, const float* weights, int count,
                     std::vector<float>& sums) {
  const size_t size = sums.size();
  for (size_t i = 0; i < size; ++i) sums[i] = weights[0] * static_cast<float>(rows[i]);
  for (int k = 1; k < count; ++k) {
    const uint8_t* const row = rows + k * stride;
    for (size_t i = 0; i < size; ++i) sums[i] += weights[k] * static_cast<float>(row[i]);
  }
  for (size_t i = 0; i < size; ++i) target[i] = to_byte(sums[i]);
}

// Of the rows first_row .. first_row + rows - 1, the columns that the taps describe. The picture may be a part of the one that the
// taps were made for, from its column `offset` on; the same holds for rows below.
Image resample_columns(const Image& image, int offset, int first_row, int rows, const Taps& taps) {
  const int first = taps.begin(), channels = image.channels;
  const size_t size = static_cast<size_t>(taps.end() - first) * channels;
  Image resampled(rows, static_cast<int>(taps.first.size()), channels);
  std::vector<float> row(size + 1);
  for (int y = 0; y < rows; ++y) {
    const uint8_t* const source = image.at(first_row + y, first - offset);
    for (size_t i = 0; i < size; ++i) row[i] = static_cast<float>(source[i]);
    if (channels == 3)
      resample_row<3>(resampled.at(y, 0), row.data(), first, taps);
    else
      resample_row<1>(resampled.at(y, 0), row.data(), first, taps);
  }
  return resampled;
}

Image resample_rows(const Image& image, int offset, int first_column, int columns, const Taps& taps) {
  Image resampled(static_cast<int>(taps.first.size()), columns, image.channels);
  const size_t stride = static_cast<size_t>(image.width) * image.channels;
  std::vector<float> sums(static_cast<size_t>(columns) * image.channels);
  for (int y = 0; y < resampled.height; ++y)
    resample_column(resampled.at(y, 0), image.at(taps.first[y] - offset, first_column), stride,
                    &taps.weights[static_cast<size_t>(y) * taps.widest], taps.count[y], sums);
  return resampled;
}

void check_sizes(const char* name, int from_height, int from_width, int height, int width, const Window& window) {
  check<ValueError>(height > 0 && width > 0 && from_height > 0 && from_width > 0,
                    "{}: from {}x{} to {}x{}. Sizes must be positive.", name, from_height, from_width, height, width);
  check<ValueError>(window.y >= 0 && window.x >= 0 && window.height > 0 && window.width > 0 &&
                        window.y <= height - window.height && window.x <= width - window.width,
                    "{}: a window of {}x{} at ({}, {}) of {}x{}. It must lie inside.", name, window.height, window.width,
                    window.y, window.x, height, width);
}

}  // namespace

Image resize(const Image& image, int height, int width, Filter filter, const Window& window) {
  check_sizes("resize", image.height, image.width, height, width, window);
  check<ValueError>(image.channels == 1 || image.channels == 3, "resize: a picture of {} channels. It takes 1 or 3.",
                    image.channels);
  const Taps horizontal = make_taps(filter, image.width, width, window.x, window.width);
  const Taps vertical = make_taps(filter, image.height, height, window.y, window.height);
  const int x = horizontal.begin(), columns = horizontal.end() - x, y = vertical.begin(), rows = vertical.end() - y;
  if (height < image.height && width > image.width)
    return resample_columns(resample_rows(image, 0, x, columns, vertical), x, 0, window.height, horizontal);
  const Image narrow = resample_columns(image, 0, y, rows, horizontal);
  if (height == image.height) return narrow;
  return resample_rows(narrow, y, 0, window.width, vertical);
}

Image resize(const Image& image, int height, int width, Filter filter) {
  if (height == image.height && width == image.width) return image;
  return resize(image, height, width, filter, {0, 0, height, width});
}

Label resize_nearest(const Label& label, int height, int width, const Window& window) {
  check_sizes("resize_nearest", label.height, label.width, height, width, window);
  const auto source = [](int out, int in_size, int out_size) {  // the input pixel under the output pixel's centre
    return static_cast<int>((2 * static_cast<int64_t>(out) + 1) * in_size / (2 * static_cast<int64_t>(out_size)));
  };
  std::vector<int> columns(window.width);
  for (int x = 0; x < window.width; ++x) columns[x] = source(window.x + x, label.width, width);
  Label resized(window.height, window.width);
  for (int y = 0; y < window.height; ++y) {
    const int32_t* const from = &label.ids[static_cast<size_t>(source(window.y + y, label.height, height)) * label.width];
    int32_t* const to = &resized.at(y, 0);
    for (int x = 0; x < window.width; ++x) to[x] = from[columns[x]];
  }
  return resized;
}

Label resize_nearest(const Label& label, int height, int width) {
  return resize_nearest(label, height, width, {0, 0, height, width});
}

}  // namespace tessera::data
