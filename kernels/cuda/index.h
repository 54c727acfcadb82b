// From a position to an offset: division by numbers that are known at launch, in one multiplication. For .cu files.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "kernels/view.h"

namespace tessera::kernels::cuda {

struct QuotientRemainder {
  uint32_t quotient, remainder;
};

// n / divisor for 0 <= n < 2^31 (T. Granlund, P. Montgomery: "Division by invariant integers using multiplication", PLDI 1994):
// q = (high word of n * multiplier + n) >> shift.
class FastDivisor {
 public:
  FastDivisor() = default;
  constexpr explicit FastDivisor(int64_t divisor) : divisor_(static_cast<uint32_t>(divisor)) {
    if (divisor <= 1) {
      divisor_ = 1;
      return;
    }
    shift_ = static_cast<uint32_t>(std::bit_width(divisor_ - 1));
    multiplier_ = static_cast<uint32_t>(((uint64_t{1} << 32) * ((uint64_t{1} << shift_) - divisor_)) / divisor_ + 1);
  }
  __device__ uint32_t divide(uint32_t n) const { return (__umulhi(n, multiplier_) + n) >> shift_; }
  __device__ QuotientRemainder operator()(uint32_t n) const {
    const uint32_t quotient = divide(n);
    return {quotient, n - quotient * divisor_};
  }

 private:
  uint32_t divisor_ = 1, multiplier_ = 0, shift_ = 0;
};

// Offsets in K operands of the position p of a shape whose dimension 0 runs fastest. For fewer than 2^31 positions the divisions
// are multiplications; above, they are divisions.
template <int K> struct OffsetCalculator {
  int ndim = 0;
  bool narrow = true;
  std::array<FastDivisor, kMaxDims> divisors{};
  std::array<int64_t, kMaxDims> sizes{};
  std::array<std::array<int64_t, kMaxDims>, K> strides{};

  OffsetCalculator() = default;
  // `sizes` with dimension 0 innermost.
  OffsetCalculator(int count, const std::array<int64_t, kMaxDims>& dims,
                   const std::array<std::array<int64_t, kMaxDims>, K>& all_strides)
      : ndim(count), sizes(dims), strides(all_strides) {
    int64_t numel = 1;
    for (int d = 0; d < ndim; ++d) numel *= sizes[d];
    narrow = numel < (int64_t{1} << 31);
    for (int d = 0; narrow && d < ndim; ++d) divisors[d] = FastDivisor(sizes[d]);
  }

  // The same for positions that count packs of `pack` elements of dimension 0, whose size is a multiple of it.
  OffsetCalculator in_packs(int64_t pack) const {
    auto dims = sizes;
    auto steps = strides;
    dims[0] /= pack;
    for (auto& s : steps) s[0] *= pack;
    return OffsetCalculator(ndim, dims, steps);
  }

  __device__ std::array<int64_t, K> operator()(int64_t position) const {
    std::array<int64_t, K> offsets{};
    if (narrow) {
      uint32_t rest = static_cast<uint32_t>(position);
#pragma unroll
      for (int d = 0; d < kMaxDims; ++d) {
        if (d >= ndim) break;
        const QuotientRemainder at = divisors[d](rest);
        for (int k = 0; k < K; ++k) offsets[k] += at.remainder * strides[k][d];
        rest = at.quotient;
      }
    } else {
      for (int d = 0; d < ndim; ++d) {
        for (int k = 0; k < K; ++k) offsets[k] += position % sizes[d] * strides[k][d];
        position /= sizes[d];
      }
    }
    return offsets;
  }
};

// The calculator for row-major positions in the shape of the first view; the others have the same number of dimensions.
template <class... Views> OffsetCalculator<sizeof...(Views)> row_major_offsets(const Views&... views) {
  constexpr int K = sizeof...(Views);
  const std::array<const View*, K> all{&views...};
  std::array<int64_t, kMaxDims> sizes{};
  std::array<std::array<int64_t, kMaxDims>, K> strides{};
  const int ndim = all[0]->ndim;
  for (int d = 0; d < ndim; ++d) {
    sizes[d] = all[0]->sizes[ndim - 1 - d];
    for (int k = 0; k < K; ++k) strides[k][d] = all[k]->strides[ndim - 1 - d];
  }
  return OffsetCalculator<K>(ndim, sizes, strides);
}

}  // namespace tessera::kernels::cuda
