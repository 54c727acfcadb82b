// Memory of its own behind a view of any layout, for tests of kernels that take strides.
#pragma once

#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "kernels/view.h"

namespace tessera::kernels {

enum class Layout { kRowMajor, kChannelsLast, kReversed, kSliced };
inline constexpr Layout kAllLayouts[] = {Layout::kRowMajor, Layout::kChannelsLast, Layout::kReversed, Layout::kSliced};

// The elements start one element off alignment. Memory that no element of the view lies in holds a pattern, which
// nothing_else_written() checks: guards before and after, and the gaps of a sliced layout.
class StridedArray {
 public:
  StridedArray(ScalarType dtype, const std::vector<int64_t>& sizes, Layout layout = Layout::kRowMajor) {
    view.dtype = dtype;
    view.ndim = static_cast<int>(sizes.size());
    std::vector<int> order;  // dimensions from the outermost in memory to the innermost
    for (int d = 0; d < view.ndim; ++d) order.push_back(layout == Layout::kReversed ? view.ndim - 1 - d : d);
    if (layout == Layout::kChannelsLast && view.ndim > 1) {
      order.erase(order.begin() + 1);
      order.push_back(1);
    }
    int64_t stride = layout == Layout::kSliced ? 3 : 1;
    for (int i = view.ndim - 1; i >= 0; --i) {
      const int d = order[static_cast<size_t>(i)];
      view.sizes[d] = sizes[static_cast<size_t>(d)];
      view.strides[d] = stride;
      stride *= view.sizes[d];
    }
    memory_.assign(static_cast<size_t>(2 * kGuard + 1 + stride) * element_size(dtype), kPattern);
    view.data = memory_.data() + static_cast<size_t>(kGuard + 1) * element_size(dtype);
  }

  int64_t offset(int64_t index) const {  // of the element with this row-major index
    int64_t result = 0;
    for (int d = view.ndim - 1; d >= 0; --d) {
      result += index % view.sizes[d] * view.strides[d];
      index /= view.sizes[d];
    }
    return result;
  }
  double get(int64_t index) const {
    return dispatch_all(view.dtype, [&]<class T>() { return static_cast<double>(view.as<T>()[offset(index)]); });
  }
  void set(int64_t index, double value) {
    dispatch_all(view.dtype, [&]<class T>() {
      if constexpr (is_half_v<T>)
        view.as<T>()[offset(index)] = static_cast<float>(value);
      else
        view.as<T>()[offset(index)] = static_cast<T>(value);
    });
  }
  StridedArray& fill(const std::vector<double>& values) {
    for (int64_t i = 0; i < view.numel(); ++i) set(i, values[static_cast<size_t>(i)]);
    return *this;
  }
  StridedArray& fill_random(unsigned seed, double low, double high) {
    std::mt19937 generator(seed);
    for (int64_t i = 0; i < view.numel(); ++i) set(i, low + (high - low) * generator() / 4294967296.0);
    return *this;
  }
  std::vector<double> values() const {
    std::vector<double> result;
    for (int64_t i = 0; i < view.numel(); ++i) result.push_back(get(i));
    return result;
  }

  bool nothing_else_written() const {
    const size_t element = element_size(view.dtype);
    std::vector<bool> inside(memory_.size());
    for (int64_t i = 0; i < view.numel(); ++i)
      for (size_t b = 0; b < element; ++b) inside[static_cast<size_t>(kGuard + 1 + offset(i)) * element + b] = true;
    for (size_t b = 0; b < memory_.size(); ++b)
      if (!inside[b] && memory_[b] != kPattern) return false;
    return true;
  }

  View view;

 private:
  static constexpr int64_t kGuard = 64;
  static constexpr unsigned char kPattern = 0x5A;
  std::vector<unsigned char> memory_;
};

inline double epsilon(ScalarType type) {
  switch (type) {
    case kFloat64: return 0x1p-52;
    case kFloat32: return 0x1p-23;
    case kFloat16: return 0x1p-10;
    default: return 0x1p-7;
  }
}

// The type of the arithmetic on elements of `type`.
inline ScalarType compute_type(ScalarType type) {
  return type == kFloat64 ? kFloat64 : kFloat32;
}

}  // namespace tessera::kernels
