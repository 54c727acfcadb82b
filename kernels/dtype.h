// Element types: what a tensor's bytes mean.
//
// float32, float64, bfloat16, float16, int64, int32, int16, int8, uint8 and bool. The two half types are storage formats:
// arithmetic on them happens in float32 (`compute_t`), and only the load and the store round. What is
// constexpr here runs in CUDA kernels too.
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <type_traits>

namespace tessera {

// Two spellings of each: by width, and by C++ type as in libtorch.
enum class ScalarType : uint8_t {
  Float32, Float64, BFloat16, Float16, Int64, Int32, UInt8, Bool, Int16, Int8,
  Float = Float32, Double = Float64, Half = Float16, Long = Int64, Int = Int32, Short = Int16, Char = Int8, Byte = UInt8
};
using Dtype = ScalarType;

inline constexpr ScalarType kFloat32 = ScalarType::Float32, kFloat64 = ScalarType::Float64;
inline constexpr ScalarType kBFloat16 = ScalarType::BFloat16, kFloat16 = ScalarType::Float16;
inline constexpr ScalarType kInt64 = ScalarType::Int64, kInt32 = ScalarType::Int32;
inline constexpr ScalarType kInt16 = ScalarType::Int16, kInt8 = ScalarType::Int8;
inline constexpr ScalarType kUInt8 = ScalarType::UInt8, kBool = ScalarType::Bool;
inline constexpr ScalarType kFloat = kFloat32, kDouble = kFloat64, kHalf = kFloat16;
inline constexpr ScalarType kLong = kInt64, kInt = kInt32, kShort = kInt16, kChar = kInt8, kByte = kUInt8;

// bfloat16: the upper half of a float32 (8 exponent bits, 7 mantissa bits). Conversion rounds to nearest even.
struct BFloat16 {
  uint16_t bits = 0;
  BFloat16() = default;
  constexpr BFloat16(float value) : bits(round(value)) {}  // NOLINT: implicit, as arithmetic types convert
  constexpr operator float() const { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

 private:
  static constexpr uint16_t round(float value) {
    const uint32_t u = std::bit_cast<uint32_t>(value);
    const uint16_t nan = static_cast<uint16_t>((u >> 16) | 0x40);  // keeps the sign, stays a quiet NaN
    const uint16_t nearest = static_cast<uint16_t>((u + 0x7FFF + ((u >> 16) & 1)) >> 16);
    return (u & 0x7FFFFFFF) > 0x7F800000 ? nan : nearest;
  }
};

// IEEE binary16 (5 exponent bits, 10 mantissa bits), with subnormals, infinities and NaN. Rounds to nearest even.
struct Half {
  uint16_t bits = 0;
  Half() = default;
  constexpr Half(float value) : bits(from_float(value)) {}  // NOLINT: implicit, as arithmetic types convert
  constexpr operator float() const { return to_float(bits); }

 private:
  // Both directions let float32 arithmetic do the rounding and the subnormals: a multiplication by a power of two shifts the
  // exponent range, and adding a magic constant aligns the mantissa so that the hardware rounds it at the right bit.
  static constexpr float to_float(uint16_t h) {
    const uint32_t sign = static_cast<uint32_t>(h & 0x8000) << 16;
    const uint32_t shifted = static_cast<uint32_t>(h & 0x7FFF) << 13;
    const bool special = (h & 0x7C00) == 0x7C00;  // infinity or NaN
    const float scaled = std::bit_cast<float>(shifted) * 0x1p112f;
    const uint32_t finite = std::bit_cast<uint32_t>(scaled);
    return std::bit_cast<float>(sign | (special ? (shifted | 0x7F800000) : finite));
  }
  static constexpr uint16_t from_float(float value) {
    const uint32_t u = std::bit_cast<uint32_t>(value);
    const uint16_t sign = static_cast<uint16_t>((u >> 16) & 0x8000);
    const uint32_t magnitude = u & 0x7FFFFFFF;
    if (magnitude > 0x7F800000) return static_cast<uint16_t>(sign | 0x7E00);
    if (magnitude >= 0x477FF000) return static_cast<uint16_t>(sign | 0x7C00);  // 65520 and above round to infinity
    if (magnitude < 0x38800000) {                                              // below 2^-14: subnormal result
      const float aligned = std::bit_cast<float>(magnitude) + 0.5f;            // unit in the last place is now 2^-24
      return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(aligned) - std::bit_cast<uint32_t>(0.5f)));
    }
    const uint32_t rounded = magnitude + 0xFFF + ((magnitude >> 13) & 1);
    return static_cast<uint16_t>(sign | ((rounded - 0x38000000) >> 13));
  }
};

template <class T> inline constexpr bool is_half_v = std::is_same_v<T, BFloat16> || std::is_same_v<T, Half>;
template <class T> inline constexpr bool is_floating_v = std::is_floating_point_v<T> || is_half_v<T>;

// The type that arithmetic on T happens in: float for the halves, T itself otherwise.
template <class T> using compute_t = std::conditional_t<is_half_v<T>, float, T>;

template <class T> inline constexpr ScalarType scalar_type_v = [] {
  if constexpr (std::is_same_v<T, float>) return kFloat32;
  else if constexpr (std::is_same_v<T, double>) return kFloat64;
  else if constexpr (std::is_same_v<T, BFloat16>) return kBFloat16;
  else if constexpr (std::is_same_v<T, Half>) return kFloat16;
  else if constexpr (std::is_same_v<T, int64_t> || (std::is_integral_v<T> && sizeof(T) == 8)) return kInt64;
  else if constexpr (std::is_same_v<T, int32_t>) return kInt32;
  else if constexpr (std::is_same_v<T, int16_t>) return kInt16;
  else if constexpr (std::is_same_v<T, int8_t>) return kInt8;
  else if constexpr (std::is_same_v<T, uint8_t>) return kUInt8;
  else if constexpr (std::is_same_v<T, bool>) return kBool;
  else static_assert(sizeof(T) == 0, "not an element type");
}();

constexpr size_t element_size(ScalarType type) {
  switch (type) {
    case kFloat64: case kInt64: return 8;
    case kFloat32: case kInt32: return 4;
    case kBFloat16: case kFloat16: case kInt16: return 2;
    case kInt8: case kUInt8: case kBool: return 1;
  }
  return 0;
}

constexpr bool is_floating_point(ScalarType type) {
  return type == kFloat32 || type == kFloat64 || type == kBFloat16 || type == kFloat16;
}

constexpr const char* to_string(ScalarType type) {
  switch (type) {
    case kFloat32: return "float32";
    case kFloat64: return "float64";
    case kBFloat16: return "bfloat16";
    case kFloat16: return "float16";
    case kInt64: return "int64";
    case kInt32: return "int32";
    case kInt16: return "int16";
    case kInt8: return "int8";
    case kUInt8: return "uint8";
    case kBool: return "bool";
  }
  return "?";
}

// dispatch_floating(type, [&]<class T>() { ... }) runs the body with T = the C++ type of `type`.
// The callers in core/ops have checked the type already; the exception names a defect in them.
template <class F> decltype(auto) dispatch_floating(ScalarType type, F&& body) {
  switch (type) {
    case kFloat32: return body.template operator()<float>();
    case kFloat64: return body.template operator()<double>();
    case kBFloat16: return body.template operator()<BFloat16>();
    case kFloat16: return body.template operator()<Half>();
    default: throw std::logic_error("a kernel for floating-point types was called with another type");
  }
}

template <class F> decltype(auto) dispatch_all(ScalarType type, F&& body) {
  switch (type) {
    case kInt64: return body.template operator()<int64_t>();
    case kInt32: return body.template operator()<int32_t>();
    case kInt16: return body.template operator()<int16_t>();
    case kInt8: return body.template operator()<int8_t>();
    case kUInt8: return body.template operator()<uint8_t>();
    case kBool: return body.template operator()<bool>();
    default: return dispatch_floating(type, body);
  }
}

// Dispatch by the type of the arithmetic: float (float32 and the halves), double. For kernels that convert on load and store.
template <class F> decltype(auto) dispatch_compute(ScalarType type, F&& body) {
  if (type == kFloat64) return body.template operator()<double>();
  return body.template operator()<float>();
}

}  // namespace tessera
