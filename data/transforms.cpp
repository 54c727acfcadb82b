#include "data/transforms.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace tessera::data {
namespace {

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
    for (int left = 0, right = image.width - 1; left < right; ++left, --right) {
      uint8_t *a = image.at(y, left), *b = image.at(y, right);
      for (int c = 0; c < image.channels; ++c) std::swap(a[c], b[c]);
    }
    const auto ids = sample.label.ids.begin() + static_cast<ptrdiff_t>(y) * image.width;
    std::reverse(ids, ids + image.width);
  }
  return sample;
}

Sample RandomVerticalFlip::operator()(Sample sample, RandomStream& stream) const {
  if (!stream.chance(probability)) return sample;
  Image& image = sample.image;
  const size_t row = static_cast<size_t>(image.width) * image.channels;
  for (int y = 0; y < image.height / 2; ++y) {
    const int other = image.height - 1 - y;
    std::swap_ranges(image.at(y, 0), image.at(y, 0) + row, image.at(other, 0));
    std::swap_ranges(&sample.label.at(y, 0), &sample.label.at(y, 0) + image.width, &sample.label.at(other, 0));
  }
  return sample;
}

Sample RandomScale::operator()(Sample sample, RandomStream& stream) const {
  const auto [height, width] = random_size(sample.image, low, high, stream);
  return Resize{height, width, filter}(std::move(sample), stream);
}

Sample RandomCrop::operator()(Sample sample, RandomStream& stream) const {
  const int y = random_place(sample.image.height, height, stream), x = random_place(sample.image.width, width, stream);
  return crop(sample, y, x, height, width, ignore_index);
}

Sample RandomScaledCrop::operator()(Sample sample, RandomStream& stream) const {
  const auto [full_height, full_width] = random_size(sample.image, low, high, stream);
  const int y = random_place(full_height, height, stream), x = random_place(full_width, width, stream);
  const Window seen = {std::max(0, y), std::max(0, x), std::min(height, full_height), std::min(width, full_width)};
  const Sample part{resize(sample.image, full_height, full_width, filter, seen),
                    resize_nearest(sample.label, full_height, full_width, seen), std::move(sample.name)};
  return crop(part, std::min(0, y), std::min(0, x), height, width, ignore_index);
}

Sample Resize::operator()(Sample sample, RandomStream&) const {
  return {resize(sample.image, height, width, filter), resize_nearest(sample.label, height, width), std::move(sample.name)};
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
