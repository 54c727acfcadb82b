// A borrowed run of values: what a BatchDataset is asked for.
#pragma once

#include <array>
#include <initializer_list>
#include <vector>

#include "core/error.h"

namespace tessera {

// Refers to a run of T, and lives no longer than it (a braced list, a single value: until the end of the full expression). For
// the sizes of tensors, which fit in place, there is IntArrayRef (core/array_ref.h).
template <class T> class ArrayRef {
 public:
  ArrayRef() = default;
  ArrayRef(const T* data, size_t size) : data_(data), size_(size) {}
  ArrayRef(const T& one) : ArrayRef(&one, 1) {}                                                  // NOLINT: implicit by design
  ArrayRef(const std::vector<T>& values) : ArrayRef(values.data(), values.size()) {}             // NOLINT
  ArrayRef(const std::initializer_list<T>& values) : ArrayRef(values.begin(), values.size()) {}  // NOLINT
  template <size_t N> ArrayRef(const std::array<T, N>& values) : ArrayRef(values.data(), N) {}   // NOLINT

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }
  const T* data() const { return data_; }
  const T& operator[](size_t i) const { return data_[i]; }
  const T& at(size_t i) const {
    check<IndexError>(i < size_, "ArrayRef: index {} of {} values", i, size_);
    return data_[i];
  }
  const T& front() const { return at(0); }
  const T& back() const { return at(size_ - 1); }
  std::vector<T> vec() const { return {begin(), end()}; }

 private:
  const T* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace tessera
