// Sizes and strides: `DimVector` owns up to kMaxDims numbers in place, `IntArrayRef` refers to any run of them.
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <initializer_list>
#include <string>
#include <vector>

#include "core/error.h"
#include "kernels/view.h"

namespace tessera {

class DimVector {
 public:
  DimVector() = default;
  DimVector(std::initializer_list<int64_t> values) : DimVector(values.begin(), values.end()) {}
  DimVector(const int64_t* begin, const int64_t* end) {
    check<ShapeError>(end - begin <= kMaxDims, "a tensor has at most {} dimensions, {} were asked for", kMaxDims, end - begin);
    for (; begin != end; ++begin) values_[size_++] = *begin;
  }
  DimVector(size_t count, int64_t value) {
    for (size_t i = 0; i < count; ++i) push_back(value);
  }

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  int64_t* begin() { return values_; }
  int64_t* end() { return values_ + size_; }
  const int64_t* begin() const { return values_; }
  const int64_t* end() const { return values_ + size_; }
  const int64_t* data() const { return values_; }
  int64_t& operator[](size_t i) { return values_[i]; }
  int64_t operator[](size_t i) const { return values_[i]; }
  int64_t& back() { return values_[size_ - 1]; }
  int64_t back() const { return values_[size_ - 1]; }
  void push_back(int64_t value) {
    check<ShapeError>(size_ < kMaxDims, "a tensor has at most {} dimensions", kMaxDims);
    values_[size_++] = value;
  }
  void insert(size_t at, int64_t value) {
    push_back(value);
    std::rotate(begin() + at, end() - 1, end());
  }
  void erase(size_t at) {
    std::copy(begin() + at + 1, end(), begin() + at);
    --size_;
  }

 private:
  int64_t values_[kMaxDims] = {};
  uint32_t size_ = 0;
};

// A borrowed run of T: lives no longer than what it refers to (a braced list: until the end of the full expression).
template <class T> class ArrayRef {
 public:
  ArrayRef() = default;
  ArrayRef(const T* data, size_t size) : data_(data), size_(size) {}
  ArrayRef(const DimVector& v) requires std::same_as<T, int64_t> : data_(v.data()),
                                                                   size_(v.size()) {}  // NOLINT: implicit by design
  ArrayRef(const std::vector<T>& v) requires(!std::same_as<T, bool>) : data_(v.data()), size_(v.size()) {}  // NOLINT
  ArrayRef(const std::initializer_list<T>& v) : ArrayRef(v.begin(), v.size()) {}                            // NOLINT
  ArrayRef(const T& one) : data_(&one), size_(1) {}                                                         // NOLINT
  template <size_t N> ArrayRef(const std::array<T, N>& v) : data_(v.data()), size_(N) {}                    // NOLINT

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }
  const T* data() const { return data_; }
  const T& operator[](size_t i) const { return data_[i]; }
  const T& front() const { return data_[0]; }
  const T& back() const { return data_[size_ - 1]; }
  bool equals(ArrayRef other) const { return *this == other; }
  std::vector<T> vec() const { return {begin(), end()}; }
  DimVector dims() const requires std::same_as<T, int64_t> { return {begin(), end()}; }

  friend bool operator==(ArrayRef a, ArrayRef b) { return std::equal(a.begin(), a.end(), b.begin(), b.end()); }

 private:
  const T* data_ = nullptr;
  size_t size_ = 0;
};
using IntArrayRef = ArrayRef<int64_t>;

// "[2, 3, 4]"
std::string to_string(IntArrayRef values);

}  // namespace tessera

template <> struct fmt::formatter<tessera::IntArrayRef> : fmt::formatter<std::string> {
  auto format(tessera::IntArrayRef v, fmt::format_context& ctx) const {
    return fmt::formatter<std::string>::format(tessera::to_string(v), ctx);
  }
};
template <> struct fmt::formatter<tessera::DimVector> : fmt::formatter<tessera::IntArrayRef> {};
template <> struct fmt::formatter<tessera::ScalarType> : fmt::formatter<const char*> {
  auto format(tessera::ScalarType t, fmt::format_context& ctx) const {
    return fmt::formatter<const char*>::format(tessera::to_string(t), ctx);
  }
};
