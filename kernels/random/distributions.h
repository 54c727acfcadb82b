// From one Philox block (4 random words) to the next few numbers of a distribution. Reference and fast kernels, on the CPU and on CUDA, share
// these.
//
// A distribution has `Value`, `kPerBlock` (numbers a block) and operator()(words, out), which writes kPerBlock numbers.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>
#include <type_traits>

namespace tessera::kernels {

// The k-th number of a block in [0, 1): 24 bits of one word for float, 53 bits of two words for double.
template <class T> constexpr T unit_interval(const uint32_t* words, int k) {
  if constexpr (std::is_same_v<T, float>) return static_cast<float>(words[k] >> 8) * 0x1p-24f;
  else return static_cast<double>(((uint64_t{words[2 * k + 1]} << 32) | words[2 * k]) >> 11) * 0x1p-53;
}

template <class T> struct UniformDistribution {
  using Value = T;
  static constexpr int kPerBlock = 16 / sizeof(T);
  T low, high;

  constexpr void operator()(const uint32_t* words, T* out) const {
    for (int k = 0; k < kPerBlock; ++k) {
      const T value = low + (high - low) * unit_interval<T>(words, k);
      out[k] = value < high ? value : std::nextafter(high, low);  // the sum may round up
    }
  }
};

// Two independent normal numbers from two uniform ones: r cos(t) and r sin(t), r = sqrt(-2 ln(1 - u)), t = 2 pi v.
template <class T> struct NormalDistribution {
  using Value = T;
  static constexpr int kPerBlock = 16 / sizeof(T);
  T mean, std;

  constexpr void operator()(const uint32_t* words, T* out) const {
    for (int k = 0; k < kPerBlock; k += 2) {
      const T radius = std * std::sqrt(T(-2) * std::log(T(1) - unit_interval<T>(words, k)));  // 1 - u > 0
      const T angle = T(2) * std::numbers::pi_v<T> * unit_interval<T>(words, k + 1);
      out[k] = mean + radius * std::cos(angle);
      out[k + 1] = mean + radius * std::sin(angle);
    }
  }
};

// The high word of a 64-bit random number times the range (D. Lemire, 2019, without the rejection step).
struct IntegerDistribution {
  using Value = int64_t;
  static constexpr int kPerBlock = 2;
  int64_t low, high;

  constexpr void operator()(const uint32_t* words, int64_t* out) const {
    __extension__ using uint128 = unsigned __int128;
    const uint64_t range = static_cast<uint64_t>(high) - static_cast<uint64_t>(low);
    for (int k = 0; k < kPerBlock; ++k) {
      const uint64_t bits = (uint64_t{words[2 * k + 1]} << 32) | words[2 * k];
      out[k] = static_cast<int64_t>(static_cast<uint64_t>(low) + static_cast<uint64_t>((uint128{bits} * range) >> 64));
    }
  }
};

struct BernoulliDistribution {
  using Value = float;
  static constexpr int kPerBlock = 4;
  double p;

  constexpr void operator()(const uint32_t* words, float* out) const {
    const auto threshold = static_cast<uint64_t>(p * 0x1p32);
    for (int k = 0; k < kPerBlock; ++k) out[k] = words[k] < threshold ? 1.0f : 0.0f;
  }
};

}  // namespace tessera::kernels
