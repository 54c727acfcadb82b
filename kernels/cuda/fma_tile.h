// A tile of a float32 matrix product on the CUDA cores: the inner loop that convolutions and the matrix product share. For .cu
// files.
//
// A block computes tile_m x tile_n outputs. Both operands lie in shared memory with the sum's index k outside, so that what a
// thread needs of one k is four 16-byte reads: it owns 8 x 8 outputs, as 2 x 2 squares of 4 x 4 that are half a tile apart, and
// makes 64 multiply-adds of them. Sums are float32 in the order of k: the error of float32 arithmetic.
#pragma once

#include "kernels/cuda/launch.h"
#include "kernels/cuda/pack.h"

namespace tessera::kernels::cuda {

inline constexpr int kFmaDepth = 16;  // k of a step

template <int tile_m, int tile_n> struct FmaTile {
  static constexpr int kThreadsM = tile_m / 8, kThreadsN = tile_n / 8, kBlock = kThreadsM * kThreadsN;
  static constexpr int kPitchM = tile_m + 4, kPitchN = tile_n + 4;
  // Packs of four k that a thread loads a step; the rows of a pass are kRows apart.
  static constexpr int kRows = kBlock / (kFmaDepth / 4), kPassesM = tile_m / kRows, kPassesN = tile_n / kRows;
  struct Stages {
    float a[2][kFmaDepth * kPitchM], b[2][kFmaDepth * kPitchN];
  };

  float sums[8][8] = {};

  // Row or column of this thread's output (i, j), i, j = 0..7, in the tile. Lanes of a warp form 4 x 8 or 8 x 4 squares.
  __device__ static int row(int i) { return (warp() / kWarpsN * kLanesM + lane() / kLanesN) * 4 + i % 4 + i / 4 * (tile_m / 2); }
  __device__ static int column(int j) {
    return (warp() % kWarpsN * kLanesN + lane() % kLanesN) * 4 + j % 4 + j / 4 * (tile_n / 2);
  }

  // f(row, column, sum) for each output of this thread.
  template <class F> __device__ void for_each(F&& f) const {
#pragma unroll
    for (int i = 0; i < 8; ++i)
#pragma unroll
      for (int j = 0; j < 8; ++j) f(row(i), column(j), sums[i][j]);
  }

  // sums += a[k][row] * b[k][column] for kFmaDepth k; pitches, multiples of 4, lead from k to k + 1.
  template <int pitch_a, int pitch_b> __device__ void multiply(const float* a, const float* b) {
    a += row(0), b += column(0);
#pragma unroll
    for (int k = 0; k < kFmaDepth; ++k) {
      float left[8], right[8];
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const Pack<float, 4> l = load_pack<4>(a + k * pitch_a + half * (tile_m / 2));
        const Pack<float, 4> r = load_pack<4>(b + k * pitch_b + half * (tile_n / 2));
#pragma unroll
        for (int i = 0; i < 4; ++i) left[half * 4 + i] = l[i], right[half * 4 + i] = r[i];
      }
#pragma unroll
      for (int i = 0; i < 8; ++i)
#pragma unroll
        for (int j = 0; j < 8; ++j) sums[i][j] = fmaf(left[i], right[j], sums[i][j]);
    }
  }

  // The product of operands that come in packs of four k: load_a(step, pass), load_b(step, pass) return this thread's pack, for
  // row (column) load_row(pass) of the tile and k = load_k() .. + 3 of the step. All of a step are asked for before the next one;
  // while a step is computed, the packs of the next one are on their way to registers.
  __device__ static int load_row(int pass) { return threadIdx.x / (kFmaDepth / 4) + pass * kRows; }
  __device__ static int load_k() { return threadIdx.x % (kFmaDepth / 4) * 4; }
  template <class LoadA, class LoadB, class Next>
  __device__ void product(Stages& shared, int steps, LoadA&& load_a, LoadB&& load_b, Next&& next) {
    Pack<float, 4> a[kPassesM], b[kPassesN];
    const auto load = [&](int step) {
#pragma unroll
      for (int pass = 0; pass < kPassesM; ++pass) a[pass] = load_a(step, pass);
#pragma unroll
      for (int pass = 0; pass < kPassesN; ++pass) b[pass] = load_b(step, pass);
      next();
    };
    if (steps > 0) load(0);
    for (int step = 0; step < steps; ++step) {
      float *const to_a = shared.a[step % 2], *const to_b = shared.b[step % 2];
#pragma unroll
      for (int i = 0; i < 4; ++i) {
#pragma unroll
        for (int pass = 0; pass < kPassesM; ++pass) to_a[(load_k() + i) * kPitchM + load_row(pass)] = a[pass][i];
#pragma unroll
        for (int pass = 0; pass < kPassesN; ++pass) to_b[(load_k() + i) * kPitchN + load_row(pass)] = b[pass][i];
      }
      __syncthreads();  // also: nobody reads the other stage, which the next round writes, any more
      if (step + 1 < steps) load(step + 1);
      multiply<kPitchM, kPitchN>(to_a, to_b);
    }
  }

 private:
  static constexpr int kLanesN = kThreadsN < 8 ? kThreadsN : 8, kLanesM = kWarp / kLanesN, kWarpsN = kThreadsN / kLanesN;
  static_assert(kThreadsM % kLanesM == 0 && kPassesM >= 1 && kPassesN >= 1);
  __device__ static int warp() { return threadIdx.x / kWarp; }
  __device__ static int lane() { return threadIdx.x % kWarp; }
};

}  // namespace tessera::kernels::cuda
