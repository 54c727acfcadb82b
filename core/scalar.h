// A single number of any element type, as an argument of an op.
#pragma once

#include <concepts>

#include "kernels/dtype.h"

namespace tessera {

class Scalar {
 public:
  Scalar() : Scalar(int64_t{0}) {}
  template <std::floating_point T> Scalar(T value) : kind_(kFloat64), floating_(value) {}  // NOLINT: implicit
  template <std::integral T> Scalar(T value) : kind_(kInt64), integral_(static_cast<int64_t>(value)) {}          // NOLINT
  Scalar(bool value) : kind_(kBool), integral_(value) {}                                                         // NOLINT
  Scalar(BFloat16 value) : Scalar(static_cast<float>(value)) {}                                                  // NOLINT
  Scalar(Half value) : Scalar(static_cast<float>(value)) {}                                                      // NOLINT

  // float64, int64 or bool: the category that decides type promotion.
  ScalarType type() const { return kind_; }
  bool is_floating_point() const { return kind_ == kFloat64; }
  template <class T> T to() const {
    if constexpr (is_half_v<T>) return T(static_cast<float>(to<double>()));
    else return kind_ == kFloat64 ? static_cast<T>(floating_) : static_cast<T>(integral_);
  }
  double to_double() const { return to<double>(); }
  double toDouble() const { return to<double>(); }  // libtorch's spellings
  float toFloat() const { return to<float>(); }
  int64_t toLong() const { return to<int64_t>(); }
  int toInt() const { return to<int>(); }
  bool toBool() const { return to<bool>(); }
  bool isFloatingPoint() const { return is_floating_point(); }
  bool isIntegral(bool include_bool) const { return kind_ == kInt64 || (include_bool && kind_ == kBool); }
  bool isBoolean() const { return kind_ == kBool; }

 private:
  ScalarType kind_;
  union {
    double floating_;
    int64_t integral_;
  };
};

}  // namespace tessera
