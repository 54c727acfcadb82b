// Moves elements from one layout to another.
//
// Where both sides have stride 1 in the same dimension, rows are copied whole. Where the source has its stride 1 in another
// dimension (NCHW to channels-last and back), the plane of the two dimensions is cut into tiles of 16 x 16: a tile is read along
// the source's rows into a buffer and written along the output's rows, so that each cache line of either side is touched once.
// Threads share out the rows or the tiles. Memory traffic: each side once.
#include "kernels/elementwise/move.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "kernels/parallel.h"

namespace tessera::kernels::cpu {
namespace {

constexpr int64_t kTile = 16, kGrain = 32768;

template <class T> void copy_row(const T* from, int64_t from_stride, T* to, int64_t to_stride, int64_t n) {
  if (from_stride == 1 && to_stride == 1) std::memcpy(to, from, static_cast<size_t>(n) * sizeof(T));
  else if (from_stride == 0 && to_stride == 1) std::fill(to, to + n, *from);
  else for (int64_t i = 0; i < n; ++i) to[i * to_stride] = from[i * from_stride];
}

template <class T> void move_rows(const ElementwisePlan<2>& plan) {
  const int64_t size = plan.sizes[0];
  parallel_for(plan.numel, kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t p = begin, n; p < end; p += n) {
      const int64_t row = p / size, column = p % size;
      n = std::min(end - p, size - column);
      copy_row(static_cast<const T*>(plan.data[1]) + plan.row_offset(1, row) + column * plan.strides[1][0], plan.strides[1][0],
               static_cast<T*>(plan.data[0]) + plan.row_offset(0, row) + column * plan.strides[0][0], plan.strides[0][0], n);
    }
  });
}

// to[j * to_stride + i] = from[i * from_stride + j]. With the sizes known at compile time (a whole tile) the loops unroll.
template <class T, class Size>
void transpose_tile(const T* from, int64_t from_stride, T* to, int64_t to_stride, Size along, Size rows) {
  T buffer[kTile][kTile + 1];  // the odd row length keeps a column off a single cache set
  for (int64_t i = 0; i < along; ++i) std::memcpy(buffer[i], from + i * from_stride, static_cast<size_t>(rows) * sizeof(T));
  for (int64_t j = 0; j < rows; ++j)
    for (int64_t i = 0; i < along; ++i) to[j * to_stride + i] = buffer[i][j];
}

// Dimension 0 has stride 1 in the output, dimension `across` in the source.
template <class T> void move_tiles(const ElementwisePlan<2>& plan, int across) {
  const auto tiles_in = [](int64_t size) { return (size + kTile - 1) / kTile; };
  const int64_t across_tiles = tiles_in(plan.sizes[across]), along_tiles = tiles_in(plan.sizes[0]);
  const int64_t planes = plan.numel / (plan.sizes[0] * plan.sizes[across]);
  parallel_for(planes * across_tiles * along_tiles, kGrain / (kTile * kTile), [&](int64_t begin, int64_t end) {
    for (int64_t tile = begin; tile < end; ++tile) {
      const int64_t i0 = tile % along_tiles * kTile, j0 = tile / along_tiles % across_tiles * kTile;
      int64_t plane = tile / along_tiles / across_tiles, out = i0 + j0 * plan.strides[0][across],
              in = i0 * plan.strides[1][0] + j0;
      for (int d = 1; d < plan.ndim; ++d) {
        if (d == across) continue;
        out += plane % plan.sizes[d] * plan.strides[0][d];
        in += plane % plan.sizes[d] * plan.strides[1][d];
        plane /= plan.sizes[d];
      }
      const int64_t along = std::min(kTile, plan.sizes[0] - i0), rows = std::min(kTile, plan.sizes[across] - j0);
      const T* from = static_cast<const T*>(plan.data[1]) + in;
      T* to = static_cast<T*>(plan.data[0]) + out;
      const int64_t from_stride = plan.strides[1][0], to_stride = plan.strides[0][across];
      if (along == kTile && rows == kTile) {
        constexpr std::integral_constant<int64_t, kTile> whole;
        transpose_tile(from, from_stride, to, to_stride, whole, whole);
      } else {
        transpose_tile(from, from_stride, to, to_stride, along, rows);
      }
    }
  });
}

template <class T> void move(const ElementwisePlan<2>& plan) {
  if (plan.strides[0][0] == 1 && plan.strides[1][0] > 1)
    for (int d = 1; d < plan.ndim; ++d)
      if (plan.strides[1][d] == 1 && plan.sizes[d] > 1) return move_tiles<T>(plan, d);
  move_rows<T>(plan);
}

}  // namespace

void move_elements(const ElementwisePlan<2>& plan) {
  switch (element_size(plan.dtypes[0])) {
    case 8: return move<uint64_t>(plan);
    case 4: return move<uint32_t>(plan);
    case 2: return move<uint16_t>(plan);
    default: return move<uint8_t>(plan);
  }
}

}  // namespace tessera::kernels::cpu
