// What option structs are made of: chained setters, and numbers that stand for one value a dimension.
#pragma once

#include <array>
#include <initializer_list>
#include <optional>
#include <ostream>
#include <vector>

#include "core/array_ref.h"

// Inside an option struct: a private member with default, its chained setter and its getter.
//     TESSERA_ARG(int64_t, groups) = 1;      options.groups(2).bias(false);  options.groups() == 2
#define TESSERA_ARG(Type, name)                      \
 public:                                             \
  auto name(const Type& value) -> decltype(*this) {  \
    this->name##_ = value;                           \
    return *this;                                    \
  }                                                  \
  auto name(Type&& value) -> decltype(*this) {       \
    this->name##_ = std::move(value);                \
    return *this;                                    \
  }                                                  \
  const Type& name() const { return this->name##_; } \
  Type& name() { return this->name##_; }             \
                                                     \
 private:                                            \
  Type name##_ /* NOLINT */

namespace tessera {

// D numbers, made from one number that stands for all or from a list of D. Other lengths throw ValueError.
template <size_t D, class T = int64_t> class ExpandingArray {
 public:
  ExpandingArray(T one) { values_.fill(one); }                                                   // NOLINT: implicit by design
  ExpandingArray(std::initializer_list<T> list) : ExpandingArray(list.begin(), list.size()) {}   // NOLINT
  ExpandingArray(const std::vector<T>& list) : ExpandingArray(list.data(), list.size()) {}       // NOLINT
  ExpandingArray(const std::array<T, D>& list) : values_(list) {}                                // NOLINT
  ExpandingArray(IntArrayRef list) requires std::is_same_v<T, int64_t> : ExpandingArray(list.data(), list.size()) {}  // NOLINT

  size_t size() const { return D; }
  T operator[](size_t i) const { return values_[i]; }
  const std::array<T, D>& operator*() const { return values_; }
  std::array<T, D>& operator*() { return values_; }
  std::array<T, D>* operator->() { return &values_; }
  const std::array<T, D>* operator->() const { return &values_; }
  operator IntArrayRef() const requires std::is_same_v<T, int64_t> { return {values_.data(), D}; }  // NOLINT
  friend bool operator==(const ExpandingArray&, const ExpandingArray&) = default;
  // "[3, 3]"
  friend std::ostream& operator<<(std::ostream& stream, const ExpandingArray& array) {
    for (size_t i = 0; i < D; ++i) {
      stream << (i == 0 ? "[" : ", ");
      if constexpr (requires { array[i].has_value(); }) {
        if (array[i].has_value())
          stream << *array[i];
        else
          stream << "None";
      } else {
        stream << array[i];
      }
    }
    return stream << ']';
  }

 private:
  ExpandingArray(const T* data, size_t size) {
    check<ValueError>(size == D, "{} numbers were given where 1 or {} are expected", size, D);
    std::copy_n(data, D, values_.begin());
  }
  std::array<T, D> values_{};
};

// The same with elements that may be left out (std::nullopt).
template <size_t D, class T = int64_t> class ExpandingArrayWithOptionalElem : public ExpandingArray<D, std::optional<T>> {
 public:
  using Base = ExpandingArray<D, std::optional<T>>;
  using Base::Base;
  ExpandingArrayWithOptionalElem(T one) : Base(std::optional<T>(one)) {}  // NOLINT
  ExpandingArrayWithOptionalElem(std::initializer_list<T> list)
      : Base(std::vector<std::optional<T>>(list.begin(), list.end())) {}  // NOLINT
  ExpandingArrayWithOptionalElem(const std::vector<T>& list)
      : Base(std::vector<std::optional<T>>(list.begin(), list.end())) {}  // NOLINT
};

}  // namespace tessera
