// 16-byte accesses, and conversion between stored and computed types on the device. For .cu files.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>
#include <cstring>

#include "kernels/elementwise/functors.h"
#include "kernels/view.h"

namespace tessera::kernels::cuda {

// kernels::convert with the hardware's rounding to the half types (to nearest even; a NaN becomes the canonical one).
template <class To, class From> __device__ inline To convert_to(From value) {
  if constexpr (std::is_same_v<To, From>) return value;
  else if constexpr (std::is_same_v<To, BFloat16>) {
    BFloat16 result;
    result.bits = __bfloat16_as_ushort(__float2bfloat16_rn(convert<float>(value)));
    return result;
  } else if constexpr (std::is_same_v<To, Half>) {
    Half result;
    result.bits = __half_as_ushort(__float2half_rn(convert<float>(value)));
    return result;
  } else if constexpr (std::is_same_v<From, Half>) {
    return convert<To>(__half2float(__ushort_as_half(value.bits)));
  } else return convert<To>(value);
}

// N elements that are read and written by one access of N * sizeof(T) bytes (at most 16) at an address aligned to them.
template <class T, int N> struct alignas(N * sizeof(T)) Pack {
  T values[N];
  __device__ T& operator[](int i) { return values[i]; }
  __device__ const T& operator[](int i) const { return values[i]; }
};

template <class T> inline constexpr int kPackSize = 16 / sizeof(T);
template <class T> using FullPack = Pack<T, kPackSize<T>>;

namespace detail {
template <size_t bytes> struct RawOf;
template <> struct RawOf<16> { using Type = uint4; };
template <> struct RawOf<8> { using Type = uint2; };
template <> struct RawOf<4> { using Type = uint32_t; };
template <> struct RawOf<2> { using Type = uint16_t; };
template <> struct RawOf<1> { using Type = uint8_t; };
}  // namespace detail

template <int N, class T> __device__ inline Pack<T, N> load_pack(const T* from) {
  using Raw = typename detail::RawOf<N * sizeof(T)>::Type;
  const Raw raw = *reinterpret_cast<const Raw*>(from);
  Pack<T, N> result;
  memcpy(static_cast<void*>(&result), &raw, sizeof(raw));
  return result;
}

template <int N, class T> __device__ inline void store_pack(T* to, const Pack<T, N>& pack) {
  using Raw = typename detail::RawOf<N * sizeof(T)>::Type;
  Raw raw;
  memcpy(&raw, static_cast<const void*>(&pack), sizeof(raw));
  *reinterpret_cast<Raw*>(to) = raw;
}

// A pack in another type. Pairs of halves are converted by one instruction each way.
template <class To, class From, int N> __device__ inline Pack<To, N> convert_pack(const Pack<From, N>& from) {
  Pack<To, N> to;
  if constexpr (std::is_same_v<To, float> && std::is_same_v<From, BFloat16> && N % 2 == 0) {
    uint32_t words[N / 2];
    memcpy(words, static_cast<const void*>(&from), sizeof(words));
#pragma unroll
    for (int i = 0; i < N / 2; ++i) {
      to[2 * i] = __uint_as_float(words[i] << 16);
      to[2 * i + 1] = __uint_as_float(words[i] & 0xFFFF0000);
    }
  } else if constexpr (std::is_same_v<To, BFloat16> && std::is_same_v<From, float> && N % 2 == 0) {
    __nv_bfloat162 words[N / 2];
#pragma unroll
    for (int i = 0; i < N / 2; ++i) words[i] = __floats2bfloat162_rn(from[2 * i], from[2 * i + 1]);
    memcpy(static_cast<void*>(&to), words, sizeof(words));
  } else {
#pragma unroll
    for (int i = 0; i < N; ++i) to[i] = convert_to<To>(from[i]);
  }
  return to;
}

// Whether packs of `bytes` may start at this address. Host and device.
constexpr bool is_aligned(uintptr_t address, size_t bytes = 16) { return address % bytes == 0; }
inline bool is_aligned(const void* data, size_t bytes = 16) { return is_aligned(reinterpret_cast<uintptr_t>(data), bytes); }

// One element of a type known only at run time. All threads of a warp take the same branch.
template <class T> __device__ inline T load_as(const void* data, ScalarType type, int64_t at) {
  switch (type) {
    case kFloat32: return convert_to<T>(static_cast<const float*>(data)[at]);
    case kFloat64: return convert_to<T>(static_cast<const double*>(data)[at]);
    case kBFloat16: return convert_to<T>(static_cast<const BFloat16*>(data)[at]);
    case kFloat16: return convert_to<T>(static_cast<const Half*>(data)[at]);
    case kInt64: return convert_to<T>(static_cast<const int64_t*>(data)[at]);
    case kInt32: return convert_to<T>(static_cast<const int32_t*>(data)[at]);
    case kInt16: return convert_to<T>(static_cast<const int16_t*>(data)[at]);
    case kInt8: return convert_to<T>(static_cast<const int8_t*>(data)[at]);
    case kUInt8: return convert_to<T>(static_cast<const uint8_t*>(data)[at]);
    case kBool: return convert_to<T>(static_cast<const bool*>(data)[at]);
  }
  return T();
}

template <class T> __device__ inline void store_as(void* data, ScalarType type, int64_t at, T value) {
  switch (type) {
    case kFloat32: static_cast<float*>(data)[at] = convert_to<float>(value); return;
    case kFloat64: static_cast<double*>(data)[at] = convert_to<double>(value); return;
    case kBFloat16: static_cast<BFloat16*>(data)[at] = convert_to<BFloat16>(value); return;
    case kFloat16: static_cast<Half*>(data)[at] = convert_to<Half>(value); return;
    case kInt64: static_cast<int64_t*>(data)[at] = convert_to<int64_t>(value); return;
    case kInt32: static_cast<int32_t*>(data)[at] = convert_to<int32_t>(value); return;
    case kInt16: static_cast<int16_t*>(data)[at] = convert_to<int16_t>(value); return;
    case kInt8: static_cast<int8_t*>(data)[at] = convert_to<int8_t>(value); return;
    case kUInt8: static_cast<uint8_t*>(data)[at] = convert_to<uint8_t>(value); return;
    case kBool: static_cast<bool*>(data)[at] = convert_to<bool>(value); return;
  }
}

// The first `count` of N adjacent elements, aligned to the size of N of them; all the element at 0 if `broadcast`.
template <class T, int N>
__device__ inline Pack<T, N> load_pack_as(const void* data, ScalarType type, int64_t at, int count, bool broadcast) {
  Pack<T, N> result{};
  if (broadcast || count < N) {
    for (int v = 0; v < count; ++v) result[v] = load_as<T>(data, type, broadcast ? 0 : at + v);
    return result;
  }
  const auto load = [&]<class S>(S) { result = convert_pack<T>(load_pack<N>(static_cast<const S*>(data) + at)); };
  switch (type) {
    case kFloat32: load(float()); break;
    case kBFloat16: load(BFloat16()); break;
    case kFloat16: load(Half()); break;
    case kUInt8: load(uint8_t()); break;
    case kBool: load(bool()); break;
    default:
      for (int v = 0; v < N; ++v) result[v] = load_as<T>(data, type, at + v);
  }
  return result;
}

template <class T, int N>
__device__ inline void store_pack_as(void* data, ScalarType type, int64_t at, int count, const Pack<T, N>& pack) {
  const auto store = [&]<class S>(S) { store_pack(static_cast<S*>(data) + at, convert_pack<S>(pack)); };
  if (count == N) {
    switch (type) {
      case kFloat32: return store(float());
      case kBFloat16: return store(BFloat16());
      case kFloat16: return store(Half());
      case kUInt8: return store(uint8_t());
      case kBool: return store(bool());
      default: break;
    }
  }
  for (int v = 0; v < count; ++v) store_as(data, type, at + v, pack[v]);
}

}  // namespace tessera::kernels::cuda
