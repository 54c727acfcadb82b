// How a tile of a product (tap_product.h) reaches the output: sums in registers, plus bias, through shared memory, in rows of
// 16-byte stores. For .cu files.
#pragma once

#include "kernels/conv2d/tap_product.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/pack.h"

namespace tessera::kernels::cuda {

// What the kernels need to know of the output. Offsets in elements.
struct OutputPlan {
  void* data;
  const void* bias;  // or null
  int64_t bias_stride, stride_n, stride_y;
  int height, row_elements;  // a row's pixels with their channels
  int columns, run, channels, phases_y, shift_y, shift_elements;
  bool packs;  // whether 16-byte stores may be used: every run and row begins at a multiple
};

// `out` is channels-last; its rows have no gaps.
inline OutputPlan output_plan(const TapProduct& p, const View& out, const View* bias) {
  const auto narrow = [](int64_t value) { return static_cast<int>(value); };
  const int64_t stride_y = out.sizes[2] == 1 ? p.out[1] * p.channels : out.strides[2];
  OutputPlan plan{out.data,
                  bias ? bias->data : nullptr,
                  bias ? bias->strides[0] : 0,
                  out.strides[0],
                  stride_y,
                  narrow(p.out[0]),
                  narrow(p.out[1] * p.channels),
                  narrow(p.columns()),
                  narrow(p.run()),
                  narrow(p.channels),
                  narrow(p.phases[0]),
                  narrow(p.shift[0]),
                  narrow(p.shift[1] * p.channels),
                  false};
  const int64_t unit = 16 / static_cast<int64_t>(element_size(out.dtype));
  plan.packs = is_aligned(out.data) && p.run() % unit == 0 && plan.shift_elements % unit == 0 && plan.row_elements % unit == 0 &&
               stride_y % unit == 0 && (p.images == 1 || out.strides[0] % unit == 0);
  return plan;
}

// Where a tile's row (a position of the grid) and column lie. An element exists if row and element within it do.
struct RowPlace {
  int64_t picture;  // offset of the picture
  int y, element;
};
struct ColumnPlace {
  int phase_y, r;
  float bias;
};

__device__ inline RowPlace row_place(const OutputPlan& out, int picture, int j, int i) {
  return {picture * out.stride_n, j * out.phases_y - out.shift_y, i * out.run - out.shift_elements};
}
__device__ inline RowPlace no_row() { return {0, -(1 << 30), 0}; }  // of a position beyond the grid

template <class T> __device__ inline ColumnPlace column_place(const OutputPlan& out, int column) {
  if (column >= out.columns) return {-(1 << 30), 0, 0};
  const int phase_y = column / out.run, r = column % out.run;
  const T* bias = static_cast<const T*>(out.bias);
  return {phase_y, r, bias ? convert_to<float>(bias[r % out.channels * out.bias_stride]) : 0.0f};
}

// Calls use(pointer) with the element of a row and a column, if there is one.
template <class T, class Use>
__device__ inline void with_element(const OutputPlan& out, const RowPlace& row, const ColumnPlace& column, Use&& use) {
  const int y = row.y + column.phase_y, element = row.element + column.r;
  if (static_cast<unsigned>(y) >= static_cast<unsigned>(out.height)) return;
  if (static_cast<unsigned>(element) >= static_cast<unsigned>(out.row_elements)) return;
  use(static_cast<T*>(out.data) + row.picture + y * out.stride_y + element);
}

// Bytes from a staged row to the next: the 16 bytes keep the rows of a warp's fragments in different banks.
template <class T, int columns> inline constexpr int kStagedPitch = columns* static_cast<int>(sizeof(T)) + 16;

// Where pairs of sums are put together: element (row, eight + column), `eight` being a multiple of 8, in rows for store_staged().
template <class T, int columns> struct StagedRows {
  unsigned char* staged;
  __device__ T* operator()(int row, int eight, int column) const {
    return reinterpret_cast<T*>(staged + row * kStagedPitch<T, columns>) + eight + column;
  }
};

// The same in a box for the copy engine (tensor_map.h): blocks of kColumns columns one after the other, 64 swizzled rows each.
template <class T, int columns> struct StagedBox {
  static constexpr int kSize = static_cast<int>(sizeof(T)), kBytes = columns * kSize;
  static constexpr int kRowBytes = kBytes % 128 == 0 ? 128 : kBytes % 64 == 0 ? 64 : 32, kColumns = kRowBytes / kSize;
  static constexpr int kBlock = 64 * kRowBytes;  // bytes

  unsigned char* box;
  __device__ T* operator()(int row, int eight, int column) const {
    const int at = row * kRowBytes + (eight % kColumns + column) * kSize;
    return reinterpret_cast<T*>(box + eight / kColumns * kBlock + (at ^ (at >> 7 & (kRowBytes / 16 - 1)) << 4));
  }
};

// A warpgroup's 64 rows of sums, in wgmma's order (wgmma.h), plus bias, to `staged`. `thread` counts in the warpgroup.
template <class T, int columns, class Staged>
__device__ inline void stage_sums(const Staged& staged, const float (&sums)[columns / 2], const ColumnPlace* places, int thread) {
  const int row = thread / 32 * 16 + thread % 32 / 4, column = thread % 4 * 2;
#pragma unroll
  for (int j = 0; j < columns / 8; ++j) {
    const float left = places[8 * j + column].bias, right = places[8 * j + column + 1].bias;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      Pack<float, 2> pair;
      pair[0] = sums[4 * j + 2 * half] + left, pair[1] = sums[4 * j + 2 * half + 1] + right;
      store_pack(staged(row + 8 * half, 8 * j, column), convert_pack<T>(pair));
    }
  }
}

// `rows` staged rows to memory, by `threads` threads that all call it.
template <class T, int columns> __device__ inline void store_staged(const OutputPlan& out, const unsigned char* staged,
                                                                    const RowPlace* row_places, const ColumnPlace* places,
                                                                    int rows, int thread, int threads) {
  constexpr int kUnit = kPackSize<T>;
  const int unit = out.packs ? kUnit : 1, units = columns / unit;
  for (int at = thread; at < rows * units; at += threads) {
    const int row = out.packs ? at / (columns / kUnit) : at / columns;
    const int column = (at - row * units) * unit;
    const T* from = reinterpret_cast<const T*>(staged + row * kStagedPitch<T, columns>) + column;
    with_element<T>(out, row_places[row], places[column], [&](T* to) {
      if (out.packs)
        store_pack(to, load_pack<kUnit>(from));
      else
        *to = *from;
    });
  }
}

}  // namespace tessera::kernels::cuda
