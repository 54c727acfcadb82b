// Sums over contiguous memory that stay accurate: shared by row and batch normalisation.
//
// A strip is `pixels` groups of `channels` adjacent values, reduced to one result a channel. Few channels would leave the SIMD
// lanes empty, so several pixels side by side are taken as one row of `width` columns (a multiple of `channels`); columns of the
// same channel are merged at the end. A SIMD lane is a column. Compiled once a target: no include guard but Highway's.
#include <algorithm>
#include <cmath>

#include "hwy/highway.h"
#include "kernels/scratch.h"
#include "kernels/view.h"

#if defined(TESSERA_KERNELS_MOMENTS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef TESSERA_KERNELS_MOMENTS_INL_H
#undef TESSERA_KERNELS_MOMENTS_INL_H
#else
#define TESSERA_KERNELS_MOMENTS_INL_H
#endif

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels::HWY_NAMESPACE {

inline constexpr int64_t kTile = 128;  // columns that are reduced together
inline constexpr int64_t kBlock = 64;  // rows that are summed in the compute type before float64 takes over

// Pixels side by side in a row, so that a row has about `columns` columns but never outnumbers the pixels.
inline int64_t pixels_per_row(int64_t pixels, int64_t channels, int64_t columns) {
  return std::max<int64_t>(1, std::min(columns / channels, pixels));
}

// mean and m2 = sum((x - mean)^2) of `count` values become those of their union with others (Chan, Golub & LeVeque, 1979).
inline void merge_moments(double count, double& mean, double& m2, double other_count, double other_mean, double other_m2) {
  if (other_count == 0) return;
  const double fraction = other_count / (count + other_count), delta = other_mean - mean;
  mean += delta * fraction;
  m2 += other_m2 + delta * delta * count * fraction;
}

// mean[j] and m2[j] of column j of x [rows, width]. Each block of a tile is read twice, the second time from the L1 cache:
// first for an approximate mean, then for the sums of the deviations from it, which also correct that mean.
template <class T> void column_moments(const T* x, int64_t rows, int64_t width, double* mean, double* m2) {
  using C = compute_t<T>;
  std::fill_n(mean, width, 0.0);
  std::fill_n(m2, width, 0.0);
  for (int64_t first = 0; first < width; first += kTile) {
    const int64_t columns = std::min(kTile, width - first);
    for (int64_t row = 0; row < rows; row += kBlock) {
      const int64_t block = std::min(kBlock, rows - row);
      const T* data = x + row * width + first;
      C shift[kTile] = {}, sum[kTile] = {}, squares[kTile] = {};
      int64_t r = 0;
      for (; r + 4 <= block; r += 4) {
        const T *a = data + r * width, *b = a + width, *c = b + width, *d = c + width;
        for (int64_t j = 0; j < columns; ++j) shift[j] += (C(a[j]) + C(b[j])) + (C(c[j]) + C(d[j]));
      }
      for (; r < block; ++r)
        for (int64_t j = 0; j < columns; ++j) shift[j] += C(data[r * width + j]);
      for (int64_t j = 0; j < columns; ++j) shift[j] /= static_cast<C>(block);
      for (r = 0; r + 2 <= block; r += 2) {
        const T *a = data + r * width, *b = a + width;
        for (int64_t j = 0; j < columns; ++j) {
          const C p = C(a[j]) - shift[j], q = C(b[j]) - shift[j];
          sum[j] += p + q;
          squares[j] += p * p + q * q;
        }
      }
      if (r < block)
        for (int64_t j = 0; j < columns; ++j) {
          const C p = C(data[r * width + j]) - shift[j];
          sum[j] += p;
          squares[j] += p * p;
        }
      const double n = static_cast<double>(block), before = static_cast<double>(row), fraction = n / (before + n);
      for (int64_t j = 0; j < columns; ++j) {
        const double s = sum[j], delta = shift[j] + s / n - mean[first + j];
        mean[first + j] += delta * fraction;
        m2[first + j] += std::max(squares[j] - s * s / n, 0.0) + delta * delta * before * fraction;
      }
    }
  }
}

// Runs reduce(offset, rows, width) over a strip: once for the whole rows, once for the pixels left over. Each run leaves its
// results by column; fold(column, channel, rows) takes them in a fixed order.
template <class Reduce, class Fold> void reduce_strip(int64_t pixels, int64_t channels, const Reduce& reduce, const Fold& fold) {
  const int64_t side = pixels_per_row(pixels, channels, pixels * channels >= 4096 ? 64 : 16);
  const int64_t rows = pixels / side, rest = pixels % side, width = side * channels;
  reduce(0, rows, width);
  for (int64_t j = 0; j < width; ++j) fold(j, j % channels, rows);
  if (rest == 0) return;
  reduce(rows * width, rest, channels);
  for (int64_t c = 0; c < channels; ++c) fold(c, c, rest);
}

// mean[c] and m2[c] of the channels of a strip.
template <class T> void strip_moments(const T* x, int64_t pixels, int64_t channels, double* mean, double* m2) {
  const int64_t columns = std::max<int64_t>(64, channels);
  const Scratch<double> scratch(3 * columns);
  double *column_mean = scratch.data(), *column_m2 = column_mean + columns, *count = column_m2 + columns;
  std::fill_n(mean, channels, 0.0);
  std::fill_n(m2, channels, 0.0);
  std::fill_n(count, channels, 0.0);
  reduce_strip(
      pixels, channels,
      [&](int64_t offset, int64_t rows, int64_t width)
          HWY_ATTR { column_moments(x + offset, rows, width, column_mean, column_m2); },
      [&](int64_t j, int64_t c, int64_t rows) HWY_ATTR {
        const double n = static_cast<double>(rows);
        merge_moments(count[c], mean[c], m2[c], n, column_mean[j], column_m2[j]);
        count[c] += n;
      });
}

}  // namespace tessera::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
