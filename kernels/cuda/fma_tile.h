// A tile of a float32 matrix product on the CUDA cores: the inner loop that convolutions and the matrix product share. For .cu files.
//
// A block of 256 threads computes 128 x 128 outputs. Both operands lie in shared memory with the sum's index k outside, so that what a
// thread needs of one k is four 16-byte reads: it owns 8 x 8 outputs, as 2 x 2 squares of 4 x 4 that are 64 apart, and makes 64
// multiply-adds of them. Sums are float32 in the order of k: the error of float32 arithmetic.
#pragma once

#include "kernels/cuda/launch.h"
#include "kernels/cuda/pack.h"

namespace tessera::kernels::cuda {

inline constexpr int kFmaTile = 128, kFmaBlock = 256;

// Row or column of this thread's output (i, j), i, j = 0..7, in the tile. Lanes of a warp form 4 rows x 8 columns of squares.
__device__ inline int fma_row(int i) { return (threadIdx.x / 64 * 4 + threadIdx.x % 32 / 8) * 4 + i % 4 + i / 4 * 64; }
__device__ inline int fma_column(int j) { return (threadIdx.x / 32 % 2 * 8 + threadIdx.x % 8) * 4 + j % 4 + j / 4 * 64; }

// sums[i][j] += a[k][row i] * b[k][column j] for `depth` k; `pitch` floats, a multiple of 4, lead from k to k + 1.
template <int depth, int pitch> __device__ inline void fma_multiply(const float* a, const float* b, float (&sums)[8][8]) {
  a += fma_row(0), b += fma_column(0);
#pragma unroll
  for (int k = 0; k < depth; ++k) {
    float left[8], right[8];
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const Pack<float, 4> l = load_pack<4>(a + k * pitch + half * 64), r = load_pack<4>(b + k * pitch + half * 64);
#pragma unroll
      for (int i = 0; i < 4; ++i) left[half * 4 + i] = l[i], right[half * 4 + i] = r[i];
    }
#pragma unroll
    for (int i = 0; i < 8; ++i)
#pragma unroll
      for (int j = 0; j < 8; ++j) sums[i][j] = fmaf(left[i], right[j], sums[i][j]);
  }
}

// The product of operands that come in packs of four: load_a(step, pass), load_b(step, pass) return this thread's pack of a step of
// 16 k, for row (column) 64 pass + threadIdx.x / 4 of the tile and k = threadIdx.x % 4 * 4 .. + 3. While a step is computed, the
// packs of the next one are on their way to registers.
inline constexpr int kFmaDepth = 16, kFmaPitch = kFmaTile + 4;
struct FmaStages {
  float a[2][kFmaDepth * kFmaPitch], b[2][kFmaDepth * kFmaPitch];
};

template <class LoadA, class LoadB>
__device__ inline void fma_product(FmaStages& shared, int steps, LoadA&& load_a, LoadB&& load_b, float (&sums)[8][8]) {
  const int row = threadIdx.x / 4, k = threadIdx.x % 4 * 4;
  Pack<float, 4> a[2], b[2];
  const auto load = [&](int step) {
#pragma unroll
    for (int pass = 0; pass < 2; ++pass) a[pass] = load_a(step, pass), b[pass] = load_b(step, pass);
  };
  if (steps > 0) load(0);
  for (int step = 0; step < steps; ++step) {
    float *const to_a = shared.a[step % 2], *const to_b = shared.b[step % 2];
#pragma unroll
    for (int pass = 0; pass < 2; ++pass)
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        to_a[(k + i) * kFmaPitch + row + pass * 64] = a[pass][i];
        to_b[(k + i) * kFmaPitch + row + pass * 64] = b[pass][i];
      }
    __syncthreads();  // also: nobody reads the other stage, which the next round writes, any more
    if (step + 1 < steps) load(step + 1);
    fma_multiply<kFmaDepth, kFmaPitch>(to_a, to_b, sums);
  }
}

}  // namespace tessera::kernels::cuda
