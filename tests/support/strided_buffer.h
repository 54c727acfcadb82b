// Memory of its own behind a view of any element type and memory order: the operands of kernels under test.
#pragma once

#include <concepts>
#include <cstdint>
#include <random>
#include <utility>
#include <vector>

#include "kernels/elementwise/functors.h"
#include "kernels/view.h"

namespace tessera::testing_support {

// Row-major; dimension 1 innermost; the last two dimensions exchanged; the dimensions in reverse; row-major with two elements
// left out after each one; a slice that leaves out a part of every dimension of a larger tensor.
enum class MemoryOrder { RowMajor, ChannelsLast, Transposed, Reversed, Spread, Sliced };

// The elements start one element off alignment. Memory in which no element of the view lies holds a pattern, which
// nothing_else_written() checks: guards before and after, and the gaps of a spread or sliced order.
class StridedBuffer {
 public:
  StridedBuffer(ScalarType dtype, const std::vector<int64_t>& sizes, MemoryOrder order = MemoryOrder::RowMajor)
      : StridedBuffer(dtype, sizes, dimensions(order, static_cast<int>(sizes.size())),
                      /*gap=*/1 + 2 * (order == MemoryOrder::Spread) + (order == MemoryOrder::Sliced), /*shift=*/1,
                      /*margin=*/order == MemoryOrder::Sliced) {}

  // `order` lists the dimensions from the outermost in memory to the innermost; empty: row-major. `gap` is the stride of the
  // innermost, `shift` how many elements off alignment the first one lies, `margin` by how much each dimension of the larger
  // tensor is larger.
  StridedBuffer(ScalarType dtype, const std::vector<int64_t>& sizes, std::vector<int> order, int64_t gap = 1, int64_t shift = 1,
                int64_t margin = 0)
      : start_(kGuard + shift) {
    view.dtype = dtype;
    view.ndim = static_cast<int>(sizes.size());
    if (order.empty()) order = dimensions(MemoryOrder::RowMajor, view.ndim);
    int64_t stride = gap;
    for (int i = view.ndim - 1; i >= 0; --i) {
      const int d = order[static_cast<size_t>(i)];
      view.sizes[d] = sizes[static_cast<size_t>(d)];
      view.strides[d] = stride;
      stride *= view.sizes[d] + margin;
    }
    memory_.assign(static_cast<size_t>(start_ + stride + kGuard) * element_size(dtype), kPattern);
    view.data = memory_.data() + static_cast<size_t>(start_) * element_size(dtype);
  }
  // A vector keeps its memory when it moves, so the view stays true; a copy's would not.
  StridedBuffer(StridedBuffer&&) = default;

  // The same memory, repeated along dimension d.
  View expanded(int d, int64_t size) const {
    View result = view;
    result.sizes[d] = size;
    result.strides[d] = 0;
    return result;
  }

  // Of the element with this row-major index; get() and set() take the same.
  int64_t offset(int64_t index) const {
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
  void set(int64_t index, auto value) const {
    dispatch_all(view.dtype, [&]<class T>() { view.as<T>()[offset(index)] = kernels::convert<T>(value); });
  }

  // The elements become value(row-major index).
  template <class F>
  requires std::invocable<F&, int64_t>
  const StridedBuffer& fill(F&& value) const {
    for (int64_t i = 0; i < view.numel(); ++i) set(i, value(i));
    return *this;
  }
  // The elements become `values`, repeated where there are fewer.
  const StridedBuffer& fill(const std::vector<double>& values) const {
    return fill([&](int64_t i) { return values[static_cast<size_t>(i) % values.size()]; });
  }
  const StridedBuffer& fill_random(std::mt19937& generator, double low, double high) const {
    std::uniform_real_distribution<double> uniform(low, high);
    return fill([&](int64_t) { return uniform(generator); });
  }
  const StridedBuffer& fill_random(unsigned seed, double low, double high) const {
    std::mt19937 generator(seed);
    return fill_random(generator, low, high);
  }

  std::vector<double> values() const {  // in logical order
    std::vector<double> result;
    for (int64_t i = 0; i < view.numel(); ++i) result.push_back(get(i));
    return result;
  }

  const std::vector<unsigned char>& memory() const { return memory_; }

  bool nothing_else_written() const {
    const size_t element = element_size(view.dtype);
    std::vector<char> inside(memory_.size() / element);
    for (int64_t i = 0; i < view.numel(); ++i) inside[static_cast<size_t>(start_ + offset(i))] = 1;
    for (size_t b = 0; b < memory_.size(); ++b)
      if (!inside[b / element] && memory_[b] != kPattern) return false;
    return true;
  }

  View view;

 private:
  static constexpr int64_t kGuard = 64;
  static constexpr unsigned char kPattern = 0x5A;

  static std::vector<int> dimensions(MemoryOrder order, int ndim) {
    std::vector<int> result;
    for (int d = 0; d < ndim; ++d) result.push_back(order == MemoryOrder::Reversed ? ndim - 1 - d : d);
    if (order == MemoryOrder::ChannelsLast && ndim > 1) {
      result.erase(result.begin() + 1);
      result.push_back(1);
    }
    if (order == MemoryOrder::Transposed && ndim > 1) std::swap(result[result.size() - 1], result[result.size() - 2]);
    return result;
  }

  int64_t start_;  // of the view in memory_, in elements
  std::vector<unsigned char> memory_;
};

}  // namespace tessera::testing_support
