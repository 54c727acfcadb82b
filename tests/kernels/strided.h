// Test tensors for kernels: values in a chosen memory layout, with guard values in every gap and around the ends.
#pragma once

#include <omp.h>

#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "kernels/view.h"

namespace tessera::testing {

enum class Layout { RowMajor, ChannelsLast, Transposed, Sliced };

// A tensor of `sizes` whose elements lie at one of four layouts: row-major, channels-last (dimension 1 innermost), with the
// last two dimensions exchanged, or as a slice of a larger one (gaps in every dimension, data misaligned by one element).
class Strided {
 public:
  Strided(std::vector<int64_t> sizes, ScalarType dtype, Layout layout = Layout::RowMajor) {
    const int n = static_cast<int>(sizes.size());
    view_.ndim = n;
    view_.dtype = dtype;
    std::vector<int> order(n);  // dimensions, innermost first
    for (int d = 0; d < n; ++d) order[d] = n - 1 - d;
    if (layout == Layout::ChannelsLast && n == 4) order = {1, 3, 2, 0};
    if (layout == Layout::Transposed && n >= 2) std::swap(order[0], order[1]);
    int64_t stride = layout == Layout::Sliced ? 2 : 1;
    for (int d : order) {
      view_.sizes[d] = sizes[d];
      view_.strides[d] = stride;
      stride *= sizes[d] + (layout == Layout::Sliced ? 1 : 0);
    }
    bytes_.assign((stride + 2 * kGuard) * element_size(dtype), 0);
    view_.data = bytes_.data() + (kGuard + (layout == Layout::Sliced ? 1 : 0)) * element_size(dtype);
    const int64_t all = static_cast<int64_t>(bytes_.size() / element_size(dtype));
    dispatch_floating(dtype, [&]<class T>() {
      for (int64_t i = 0; i < all; ++i) reinterpret_cast<T*>(bytes_.data())[i] = static_cast<T>(kSentinel);
    });
  }

  const View& view() const { return view_; }

  // Calls f(offset in elements) for every index, in logical order.
  template <class F> void each_offset(F&& f) const {
    std::vector<int64_t> index(view_.ndim, 0);
    for (int64_t i = 0; i < view_.numel(); ++i) {
      int64_t offset = 0;
      for (int d = 0; d < view_.ndim; ++d) offset += index[d] * view_.strides[d];
      f(offset);
      for (int d = view_.ndim - 1; d >= 0 && ++index[d] == view_.sizes[d]; --d) index[d] = 0;
    }
  }

  void fill_uniform(std::mt19937& random) {
    std::uniform_real_distribution<double> uniform(-1, 1);
    dispatch_floating(view_.dtype, [&]<class T>() {
      each_offset([&](int64_t offset) { view_.as<T>()[offset] = static_cast<T>(static_cast<float>(uniform(random))); });
    });
  }

  std::vector<double> values() const {
    std::vector<double> result;
    dispatch_floating(view_.dtype, [&]<class T>() {
      each_offset([&](int64_t offset) { result.push_back(static_cast<double>(view_.as<T>()[offset])); });
    });
    return result;
  }

  // How many elements outside the tensor no longer hold the guard value.
  int64_t damaged_guards() const {
    std::vector<char> inside(bytes_.size() / element_size(view_.dtype), 0);
    const int64_t start =
        (static_cast<const char*>(view_.data) - bytes_.data()) / static_cast<int64_t>(element_size(view_.dtype));
    each_offset([&](int64_t offset) { inside[start + offset] = 1; });
    int64_t damaged = 0;
    dispatch_floating(view_.dtype, [&]<class T>() {
      for (size_t i = 0; i < inside.size(); ++i)
        damaged += !inside[i] && static_cast<double>(reinterpret_cast<const T*>(bytes_.data())[i]) != kSentinel;
    });
    return damaged;
  }

 private:
  static constexpr int64_t kGuard = 64;
  static constexpr double kSentinel = -4096;  // exact in all four types; no result of a test comes near it
  std::vector<char> bytes_;
  View view_;
};

inline double epsilon(ScalarType type) {
  switch (type) {
    case kFloat64: return 0x1p-52;
    case kFloat32: return 0x1p-23;
    case kFloat16: return 0x1p-10;
    default: return 0x1p-7;  // bfloat16
  }
}

}  // namespace tessera::testing
