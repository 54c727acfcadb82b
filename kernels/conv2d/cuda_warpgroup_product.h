// How a warpgroup of cuda_hopper_tiles.cu multiplies: 2 x 64 pixels times some columns, a tap at a time. For .cu files.
//
// RoundedProduct: bfloat16, or float32 as TF32, pixels and weights straight from shared memory.
// SplitProduct: float32 at its own precision, of three TF32 products.
//
// A float32 number is the nearest TF32 number plus a rest, which TF32 holds to 2^-22 of the number. Of the four products of two such
// sums rest * rest is left out, 2^-22 of the result at most. The tensor cores cut sums off where float32 arithmetic rounds, so the
// sums of each tap are added to the totals in float32 arithmetic. Infinities become NaN: their rest is.
//
// Weights are split once, when they are packed. Pixels are split on their way from shared memory to registers, where wgmma takes them
// too: of step i, the 8 channels of an instruction, lane l holds k = l % 4 and k = l % 4 + 4. Which channel of a chunk that is does not
// matter as long as the weights agree, so each lane takes a quarter of the chunk's channels, which lie side by side:
//
//   step i, k   is channel   k % 4 * (chunk / 4) + 2 i + k / 4
#pragma once

#include "kernels/conv2d/tap_product.h"
#include "kernels/cuda/mma.h"
#include "kernels/cuda/wgmma.h"

namespace tessera::kernels::cuda {

// Bytes of a pixel's channels that a step of the sum takes, for elements of `size` bytes: 64 or 128.
inline int64_t tile_row_bytes(const TapProduct& p, size_t size) {
  return p.in_channels * static_cast<int64_t>(size) <= 64 && p.step == TapProduct::Pair{1, 1} ? 64 : 128;
}
// The same in channels of float32.
inline int64_t split_chunk(const TapProduct& p) { return tile_row_bytes(p, sizeof(float)) / static_cast<int64_t>(sizeof(float)); }

// Where channel `c` of a chunk lies in a row of the weights: at 8 i + k.
constexpr int split_position(int c, int chunk) {
  const int quarter = chunk / 4;
  return c % quarter / 2 * 8 + c % 2 * 4 + c / quarter;
}

#if TESSERA_HOPPER

// Where a tap's operands lie in shared memory. `boxes` is a multiple of 1024; the upper and the lower half of the pixels begin so many
// bytes behind it. Groups of eight neighbouring pixels lie box_row bytes apart.
struct TapOperands {
  const unsigned char* boxes;
  int upper, lower, box_row;
  const unsigned char* weights;
};

template <class T, int columns, int row_bytes> class RoundedProduct {
 public:
  float totals[2][columns / 2];

  __device__ RoundedProduct(int, int) {
#pragma unroll
    for (int i = 0; i < columns / 2; ++i) totals[0][i] = totals[1][i] = 0;
    wgmma_pin(totals[0]);
    wgmma_pin(totals[1]);
  }
  // Starts a tap, and calls ended() once the products of the one before have ended.
  template <class Ended> __device__ void tap(const TapOperands& at, const Ended& ended) {
    const uint64_t upper = wgmma_descriptor(at.boxes + at.upper, row_bytes, at.box_row);
    const uint64_t lower = wgmma_descriptor(at.boxes + at.lower, row_bytes, at.box_row);
    const uint64_t weights = wgmma_descriptor(at.weights, row_bytes, 8 * row_bytes);
    wgmma_fence();
#pragma unroll
    for (int k = 0; k < row_bytes / 32; ++k) wgmma<T, columns>(totals[0], upper + 2 * k, weights + 2 * k, true);
#pragma unroll
    for (int k = 0; k < row_bytes / 32; ++k) wgmma<T, columns>(totals[1], lower + 2 * k, weights + 2 * k, true);
    wgmma_commit();
    wgmma_wait<1>();
    ended();
  }
  __device__ void finish() {
    wgmma_wait<0>();
    wgmma_pin(totals[0]);
    wgmma_pin(totals[1]);
  }
};

// A tap's products end before the next tap's begin, since their sums are added up in between; meanwhile the block's other warpgroup
// keeps the tensor cores at work.
template <int columns, int row_bytes> class SplitProduct {
 public:
  float totals[2][columns / 2];

  // `thread` counts in the warpgroup.
  __device__ SplitProduct(int thread, int box_row)
      : lane_pixel_(thread / kWarp * 2 * box_row + thread % kWarp / 4 * row_bytes + thread % 4 * (row_bytes / 4)) {
#pragma unroll
    for (int i = 0; i < columns / 2; ++i) totals[0][i] = totals[1][i] = sums_[0][i] = sums_[1][i] = 0;
    wgmma_pin(sums_[0]);
    wgmma_pin(sums_[1]);
  }
  template <class Ended> __device__ void tap(const TapOperands& at, const Ended& ended) {
    const uint64_t weights = wgmma_descriptor(at.weights, row_bytes, 8 * row_bytes);
    const uint64_t rests = weights + columns * row_bytes / 16;  // descriptors count 16 bytes
    ended();
    start<0>(at.boxes, at.upper, at.box_row, weights, rests);
    start<1>(at.boxes, at.lower, at.box_row, weights, rests);
    wgmma_wait<1>();
    add<0>();
    wgmma_wait<0>();
    add<1>();
  }
  __device__ void finish() {}

 private:
  static constexpr int kSteps = row_bytes / 32;

  template <int half> __device__ void start(const unsigned char* boxes, int pixel, int box_row, uint64_t weights, uint64_t rests) {
    uint32_t a[kSteps][4], a_rests[kSteps][4];
    load(a, a_rests, boxes, pixel + lane_pixel_, box_row);
    wgmma_fence();
#pragma unroll
    for (int i = 0; i < kSteps; ++i) {  // what is small first: little of it is cut off
      wgmma_tf32<columns>(sums_[half], a_rests[i], weights + 2 * i, i > 0);
      wgmma_tf32<columns>(sums_[half], a[i], rests + 2 * i, true);
    }
#pragma unroll
    for (int i = 0; i < kSteps; ++i) wgmma_tf32<columns>(sums_[half], a[i], weights + 2 * i, true);
    wgmma_commit();
  }
  template <int half> __device__ void add() {
    wgmma_pin(sums_[half]);
#pragma unroll
    for (int i = 0; i < columns / 2; ++i) totals[half][i] += sums_[half][i];
    wgmma_pin(sums_[half]);
  }
  // This lane's channels of two pixels, one eight rows of the product below the other. Eight lanes read 128 different bytes: no banks
  // collide.
  __device__ static void load(uint32_t (&a)[kSteps][4], uint32_t (&rests)[kSteps][4], const unsigned char* boxes, int at, int box_row) {
#pragma unroll
    for (int lower = 0; lower < 2; ++lower, at += box_row)
#pragma unroll
      for (int unit = 0; unit < row_bytes / 64; ++unit) {
        const int from = at + 16 * unit;  // swizzled as tensor_map.h says
        const auto x = load_pack<4>(reinterpret_cast<const float*>(boxes + (from ^ (from >> 7 & (row_bytes / 16 - 1)) << 4)));
#pragma unroll
        for (int e = 0; e < 4; ++e)
          split_tf32(x[e], a[2 * unit + e / 2][e % 2 * 2 + lower], rests[2 * unit + e / 2][e % 2 * 2 + lower]);
      }
  }

  int lane_pixel_;              // bytes from the first pixel of a half to this lane's part of its first one
  float sums_[2][columns / 2];  // of the tap that runs
};

#endif  // TESSERA_HOPPER

}  // namespace tessera::kernels::cuda
