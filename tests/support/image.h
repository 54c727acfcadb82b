// Images in every memory layout, for tests that hold a fast kernel against the reference.
#pragma once

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "kernels/view.h"

namespace tessera::testing_support {

enum class ImageLayout { Contiguous, ChannelsLast, Transposed, Sliced, Misaligned };
inline constexpr ImageLayout kImageLayouts[] = {ImageLayout::Contiguous, ImageLayout::ChannelsLast, ImageLayout::Transposed,
                                                ImageLayout::Sliced, ImageLayout::Misaligned};

// An owned 4-d image [N, C, H, W] of T. Transposed swaps the strides of H and W, Sliced leaves gaps between rows, Misaligned is
// contiguous but starts one element past the allocation.
template <class T> class Image {
 public:
  Image(Image&&) = default;  // a vector keeps its memory when it moves, so the view stays true; a copy's would not
  Image(std::array<int64_t, 4> sizes, ImageLayout layout) {
    view_.dtype = scalar_type_v<T>;
    view_.ndim = 4;
    const auto [n, c, h, w] = sizes;
    for (int d = 0; d < 4; ++d) view_.sizes[d] = sizes[d];
    switch (layout) {
      case ImageLayout::ChannelsLast: set_strides({h * w * c, 1, w * c, c}); break;
      case ImageLayout::Transposed: set_strides({c * h * w, h * w, 1, h}); break;
      case ImageLayout::Sliced: set_strides({c * h * (w + 3), h * (w + 3), w + 3, 1}); break;
      default: set_strides({c * h * w, h * w, w, 1});
    }
    data_.assign(static_cast<size_t>(n * c * h * (w + 3) + 1), T{});
    view_.data = data_.data() + (layout == ImageLayout::Misaligned ? 1 : 0);
  }

  // Values in [-1, 1) plus `centre`, from a hash of the logical index: the same in every layout.
  Image fill(uint32_t seed, double centre = 0) && {
    uint32_t i = 0;
    for_each([&](T& value) {
      uint32_t x = ++i * 2654435761u + seed * 40503u;
      x = (x ^ (x >> 15)) * 2246822519u;
      x = (x ^ (x >> 13)) * 3266489917u;
      value = static_cast<T>(static_cast<compute_t<T>>(static_cast<double>(x ^ (x >> 16)) / 2147483648.0 - 1 + centre));
    });
    return std::move(*this);
  }

  const View& view() const { return view_; }
  T& at(int64_t n, int64_t c, int64_t h, int64_t w) const {
    const auto& s = view_.strides;
    return view_.as<T>()[n * s[0] + c * s[1] + h * s[2] + w * s[3]];
  }
  // All elements in logical order.
  std::vector<T> values() const {
    std::vector<T> result;
    for_each([&](T& value) { result.push_back(value); });
    return result;
  }

 private:
  void set_strides(std::array<int64_t, 4> strides) {
    for (int d = 0; d < 4; ++d) view_.strides[d] = strides[d];
  }
  template <class Visit> void for_each(Visit&& visit) const {
    for (int64_t n = 0; n < view_.sizes[0]; ++n)
      for (int64_t c = 0; c < view_.sizes[1]; ++c)
        for (int64_t h = 0; h < view_.sizes[2]; ++h)
          for (int64_t w = 0; w < view_.sizes[3]; ++w) visit(at(n, c, h, w));
  }
  std::vector<T> data_;
  View view_;
};

}  // namespace tessera::testing_support
