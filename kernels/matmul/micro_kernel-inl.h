// The two inner loops that convolution and matrix product are made of: a tile of rows x (1 or 2 vectors) of sums, held in
// registers over the whole of k. Included once per Highway target (see foreach_target.h), hence the guard.
//
//   gather_tile   sums[m][n] = sum over taps t, k of  rows[t][m][k] * panel[t][k][n]     rows found by pointer: no im2col
//   outer_tile    sums[m][n] = sum over pixels p of   left[p][m]    * right[p][n]        rank-1 updates, pixels in segments
//
// SIMD lane: one column n. Each step loads a row of the panel once and broadcasts one scalar a row of the tile. With 12 x 2
// accumulators (6 x 2 where there are 16 registers) that is 24 fused multiply-adds for 14 loads, so the loop runs at the speed
// of the multipliers while rows and panel come from L1 or L2.
#if defined(TESSERA_MICRO_KERNEL_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TESSERA_MICRO_KERNEL_INL_H_
#undef TESSERA_MICRO_KERNEL_INL_H_
#else
#define TESSERA_MICRO_KERNEL_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

template <class T> using Lane = hn::ScalableTag<T>;
template <class T> inline constexpr int64_t kLanes = hn::MaxLanes(Lane<T>());
template <class T> inline constexpr int64_t kPanelWidth = 2 * kLanes<T>;
inline constexpr int kTileRows = (HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_SSE4) ? 6 : 12;

// Columns [first, first + panel_columns) of a factor with `columns` columns: two vectors, or one where that is enough.
template <class T> int64_t panel_columns(int64_t first, int64_t columns) {
  return columns - first <= kLanes<T> ? kLanes<T> : kPanelWidth<T>;
}

// sums[m] += row[m][k] * one row of a panel
template <int kRows, int kVectors, class T> HWY_INLINE void gather_step(const T* const (&row)[kRows], int64_t k,
                                                                        const T* HWY_RESTRICT panel,
                                                                        hn::Vec<Lane<T>> (&sums)[kRows][kVectors]) {
  const Lane<T> d;
  hn::Vec<Lane<T>> right[kVectors];
#pragma GCC unroll 2
  for (int v = 0; v < kVectors; ++v) right[v] = hn::LoadU(d, panel + v * kLanes<T>);
#pragma GCC unroll 16
  for (int m = 0; m < kRows; ++m) {
    const auto left = hn::Set(d, row[m][k]);
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) sums[m][v] = hn::MulAdd(left, right[v], sums[m][v]);
  }
}

// out[m][0 .. columns) += (or, if `first`, = start +) sum over t in [0, taps), k in [0, depth) of
// rows[t * row_stride + m][offset + k] * panel[t * depth + k][0 .. columns), columns = kVectors * kLanes. `start` may be null.
// The sum of this call is formed before it is added to out.
template <int kRows, int kVectors, class T>
HWY_NOINLINE void gather_tile(int64_t taps, int64_t depth, const T* const* rows, int64_t row_stride, int64_t offset,
                              const T* HWY_RESTRICT panel, T* const* out, const T* start, bool first) {
  constexpr int64_t kColumns = kVectors * kLanes<T>;
  const Lane<T> d;
  hn::Vec<Lane<T>> sums[kRows][kVectors];
#pragma GCC unroll 16
  for (int m = 0; m < kRows; ++m)
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) sums[m][v] = hn::Zero(d);
  for (int64_t t = 0; t < taps; ++t, rows += row_stride) {
    const T* row[kRows];
#pragma GCC unroll 16
    for (int m = 0; m < kRows; ++m) row[m] = rows[m] + offset;
    int64_t k = 0;
    for (; k + 1 < depth; k += 2, panel += 2 * kColumns) {  // by two: 5 % faster
      gather_step<kRows, kVectors, T>(row, k, panel, sums);
      gather_step<kRows, kVectors, T>(row, k + 1, panel + kColumns, sums);
    }
    if (k < depth) {
      gather_step<kRows, kVectors, T>(row, k, panel, sums);
      panel += kColumns;
    }
  }
#pragma GCC unroll 16
  for (int m = 0; m < kRows; ++m)
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) {
      T* const to = out[m] + v * kLanes<T>;
      if (!first)
        sums[m][v] = hn::Add(sums[m][v], hn::LoadU(d, to));
      else if (start != nullptr)
        sums[m][v] = hn::Add(sums[m][v], hn::LoadU(d, start + v * kLanes<T>));
      hn::StoreU(sums[m][v], d, to);
    }
}

// gather_tile for the `count` rows that a tile still has (at most kTileRows). The tables of rows and of outputs must have
// kTileRows valid entries a tile: those beyond `count` are computed and thrown away.
template <class T> void gather_rows(int64_t count, int64_t columns, int64_t taps, int64_t depth, const T* const* rows,
                                    int64_t row_stride, int64_t offset, const T* panel, T* const* out, const T* start,
                                    bool first) {
  const auto run = [&]<int kRows>() {
    if (columns > kLanes<T>)
      gather_tile<kRows, 2, T>(taps, depth, rows, row_stride, offset, panel, out, start, first);
    else
      gather_tile<kRows, 1, T>(taps, depth, rows, row_stride, offset, panel, out, start, first);
  };
  if (count == 1)
    run.template operator()<1>();
  else if (count <= 4)
    run.template operator()<4>();
  else
    run.template operator()<kTileRows>();
}

// A run of `count` pixels: left rows `left_step` apart (see outer_tile), right rows one panel width apart.
template <class T> struct Segment {
  const T* left;
  const T* right;
  int64_t count;
};

// sums[m * sums_stride + n] += sum over the pixels of all segments of left[m] * right[n], m in [0, kRows).
template <int kRows, int kVectors, class T> HWY_NOINLINE void outer_tile(const Segment<T>* segments, int64_t segment_count,
                                                                         int64_t left_offset, int64_t left_step,
                                                                         int64_t right_offset, T* sums_out, int64_t sums_stride) {
  const Lane<T> d;
  hn::Vec<Lane<T>> sums[kRows][kVectors];
#pragma GCC unroll 16
  for (int m = 0; m < kRows; ++m)
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) sums[m][v] = hn::Zero(d);
  for (int64_t s = 0; s < segment_count; ++s) {
    const T* HWY_RESTRICT left = segments[s].left + left_offset;
    const T* HWY_RESTRICT right = segments[s].right + right_offset;
#pragma GCC unroll 2
    for (int64_t p = segments[s].count; p > 0; --p, left += left_step, right += kVectors * kLanes<T>) {
      hn::Vec<Lane<T>> columns[kVectors];
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) columns[v] = hn::LoadU(d, right + v * kLanes<T>);
#pragma GCC unroll 16
      for (int m = 0; m < kRows; ++m) {
        const auto scalar = hn::Set(d, left[m]);
#pragma GCC unroll 2
        for (int v = 0; v < kVectors; ++v) sums[m][v] = hn::MulAdd(scalar, columns[v], sums[m][v]);
      }
    }
  }
#pragma GCC unroll 16
  for (int m = 0; m < kRows; ++m)
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) {
      T* const to = sums_out + m * sums_stride + v * kLanes<T>;
      hn::StoreU(hn::Add(sums[m][v], hn::LoadU(d, to)), d, to);
    }
}

}  // namespace tessera::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // TESSERA_MICRO_KERNEL_INL_H_
