// Matrix products of a warpgroup on Hopper's tensor cores (wgmma, compute capability 9.0). For .cu files.
//
// d[64 x N] += A[64 x K] B[K x N], by the 128 threads of a warpgroup (four warps, the first a multiple of four), which work on
// its own while the threads go on: K = 16 for bfloat16, 8 for float32 as TF32. A and B lie in shared memory, described by 64
// bits; d lies in registers: thread t of the group holds, for j = 0 .. N / 8 - 1,
//     d[4 j], d[4 j + 1]        row 16 (t / 32) + t % 32 / 4,        columns 8 j + 2 (t % 4) and the next
//     d[4 j + 2], d[4 j + 3]    the row 8 below, the same columns
// In TF32 A may lie in registers too: thread t then holds
//     a[0], a[2]                row 16 (t / 32) + t % 32 / 4,        k = t % 4 and 4 more
//     a[1], a[3]                the row 8 below, the same k
//
// Order of use:  wgmma_fence(); wgmma<BFloat16, N>(d, a, b, true) several times; wgmma_commit(); ... wgmma_wait<0>();
// Between the first and the wait nobody touches d, A and B. The fence is also due after ordinary code has written A's registers.
#pragma once

#include "kernels/cuda/mbarrier.h"
#include "kernels/dtype.h"

namespace tessera::kernels::cuda {

// Where an operand lies. Its rows are those of tensor_map.h: `row_bytes` of 128, 64 or 32 bytes, swizzled, one below the other;
// eight of them are a group, and the next group begins `group_stride` bytes further on (8 * row_bytes if there are no gaps).
//
// K inner ("K-major": rows are m or n, and a row holds adjacent k): `start` is where the first row's k begins. The next 16 k of
//   bfloat16, or 8 of TF32, are 32 bytes further on in the row: add 2 to the descriptor. The swizzle depends on the address
//   alone, so `start` may also be moved by whole rows. `other_stride` is not used.
// M or N inner ("transposed", 16-bit types only: rows are k, and a row holds adjacent m or n): `group_stride` leads to the
//   next 8 k, `other_stride` to the next row_bytes / 2 elements of m or n. The next 16 k are two groups further on.
// K inner, `row_bytes` 16: not swizzled; a group is 8 rows of 16 bytes, at any multiple of 16, and the second half of the k of an
//   instruction lies `other_stride` bytes further on.
__device__ inline uint64_t wgmma_descriptor(const void* start, int row_bytes, int group_stride, int other_stride = 16) {
  const uint64_t swizzle = row_bytes == 128 ? 1 : row_bytes == 64 ? 2 : row_bytes == 32 ? 3 : 0;
  return static_cast<uint64_t>((shared_address(start) & 0x3FFFF) >> 4) | static_cast<uint64_t>(other_stride >> 4) << 16 |
         static_cast<uint64_t>(group_stride >> 4) << 32 | swizzle << 62;
}

#if TESSERA_HOPPER

// Before the first wgmma, and again after ordinary code has written d. These instructions want whole warps side by side, which lanes
// need not be after a branch or a wait.
__device__ inline void wgmma_fence() {
  __syncwarp();
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}
// Closes a group of the wgmmas so far.
__device__ inline void wgmma_commit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }
// Returns when at most `pending` groups have not ended.
template <int pending> __device__ inline void wgmma_wait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(pending) : "memory");
}

// Keeps the compiler from moving ordinary uses of d over this point: it does not know that the waits above concern d. Called on d
// before the first wgmma and after the last wait.
template <int count> __device__ inline void wgmma_pin(float (&d)[count]) {
#pragma unroll
  for (int i = 0; i < count; ++i) asm volatile("" : "+f"(d[i])::"memory");
}

namespace detail {
template <class T, int N, bool a_transposed, bool b_transposed> struct Wgmma;

// Accumulators by eights and then by doubling, as the instruction's text names them and as operands of the asm statement.
#define TESSERA_D8(a, b, c, d, e, f, g, h) "%" #a ", %" #b ", %" #c ", %" #d ", %" #e ", %" #f ", %" #g ", %" #h
#define TESSERA_TEXT_16 TESSERA_D8(0, 1, 2, 3, 4, 5, 6, 7)
#define TESSERA_TEXT_32 TESSERA_TEXT_16 ", " TESSERA_D8(8, 9, 10, 11, 12, 13, 14, 15)
#define TESSERA_TEXT_64 \
  TESSERA_TEXT_32 ", " TESSERA_D8(16, 17, 18, 19, 20, 21, 22, 23) ", " TESSERA_D8(24, 25, 26, 27, 28, 29, 30, 31)
#define TESSERA_TEXT_96 \
  TESSERA_TEXT_64 ", " TESSERA_D8(32, 33, 34, 35, 36, 37, 38, 39) ", " TESSERA_D8(40, 41, 42, 43, 44, 45, 46, 47)
#define TESSERA_TEXT_128 \
  TESSERA_TEXT_96 ", " TESSERA_D8(48, 49, 50, 51, 52, 53, 54, 55) ", " TESSERA_D8(56, 57, 58, 59, 60, 61, 62, 63)
#define TESSERA_TEXT_192                                                                                                    \
  TESSERA_TEXT_128 ", " TESSERA_D8(64, 65, 66, 67, 68, 69, 70, 71) ", " TESSERA_D8(72, 73, 74, 75, 76, 77, 78, 79) ", "     \
                   TESSERA_D8(80, 81, 82, 83, 84, 85, 86, 87) ", " TESSERA_D8(88, 89, 90, 91, 92, 93, 94, 95)
#define TESSERA_TEXT_256                                                                                                    \
  TESSERA_TEXT_192 ", " TESSERA_D8(96, 97, 98, 99, 100, 101, 102, 103) ", "                                                 \
                   TESSERA_D8(104, 105, 106, 107, 108, 109, 110, 111) ", "                                                  \
                   TESSERA_D8(112, 113, 114, 115, 116, 117, 118, 119) ", " TESSERA_D8(120, 121, 122, 123, 124, 125, 126, 127)
#define TESSERA_O8(i) \
  "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3]), "+f"(d[i + 4]), "+f"(d[i + 5]), "+f"(d[i + 6]), "+f"(d[i + 7])
#define TESSERA_OPERANDS_16 TESSERA_O8(0)
#define TESSERA_OPERANDS_32 TESSERA_OPERANDS_16, TESSERA_O8(8)
#define TESSERA_OPERANDS_64 TESSERA_OPERANDS_32, TESSERA_O8(16), TESSERA_O8(24)
#define TESSERA_OPERANDS_96 TESSERA_OPERANDS_64, TESSERA_O8(32), TESSERA_O8(40)
#define TESSERA_OPERANDS_128 TESSERA_OPERANDS_96, TESSERA_O8(48), TESSERA_O8(56)
#define TESSERA_OPERANDS_192 TESSERA_OPERANDS_128, TESSERA_O8(64), TESSERA_O8(72), TESSERA_O8(80), TESSERA_O8(88)
#define TESSERA_OPERANDS_256 TESSERA_OPERANDS_192, TESSERA_O8(96), TESSERA_O8(104), TESSERA_O8(112), TESSERA_O8(120)

// The instructions for N columns; i, j, ... are N / 2 and the numbers after it: the operands behind the accumulators.
#define TESSERA_WGMMA(N, i, j, k, l, m, n)                                                                                 \
  template <bool a_transposed, bool b_transposed> struct Wgmma<BFloat16, N, a_transposed, b_transposed> {                  \
    __device__ static void run(float (&d)[N / 2], uint64_t a, uint64_t b, int accumulate) {                                \
      asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %" #k ", 0;\nwgmma.mma_async.sync.aligned.m64n" #N                    \
                   "k16.f32.bf16.bf16 {" TESSERA_TEXT_##N "}, %" #i ", %" #j ", p, 1, 1, %" #l ", %" #m ";\n}\n"           \
                   : TESSERA_OPERANDS_##N                                                                                  \
                   : "l"(a), "l"(b), "r"(accumulate), "n"(int{a_transposed}), "n"(int{b_transposed}));                     \
    }                                                                                                                      \
  };                                                                                                                       \
  template <> struct Wgmma<float, N, false, false> {                                                                       \
    __device__ static void run(float (&d)[N / 2], uint64_t a, uint64_t b, int accumulate) {                                \
      asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %" #k ", 0;\nwgmma.mma_async.sync.aligned.m64n" #N                    \
                   "k8.f32.tf32.tf32 {" TESSERA_TEXT_##N "}, %" #i ", %" #j ", p, 1, 1;\n}\n"                              \
                   : TESSERA_OPERANDS_##N                                                                                  \
                   : "l"(a), "l"(b), "r"(accumulate));                                                                     \
    }                                                                                                                      \
    __device__ static void run(float (&d)[N / 2], const uint32_t (&a)[4], uint64_t b, int accumulate) {                    \
      asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %" #n ", 0;\nwgmma.mma_async.sync.aligned.m64n" #N                    \
                   "k8.f32.tf32.tf32 {" TESSERA_TEXT_##N "}, {%" #i ", %" #j ", %" #k ", %" #l "}, %" #m ", p, 1, 1;\n}\n" \
                   : TESSERA_OPERANDS_##N                                                                                  \
                   : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(accumulate));                                 \
    }                                                                                                                      \
  };
TESSERA_WGMMA(16, 8, 9, 10, 11, 12, 13)
TESSERA_WGMMA(32, 16, 17, 18, 19, 20, 21)
TESSERA_WGMMA(64, 32, 33, 34, 35, 36, 37)
TESSERA_WGMMA(96, 48, 49, 50, 51, 52, 53)
TESSERA_WGMMA(128, 64, 65, 66, 67, 68, 69)
TESSERA_WGMMA(192, 96, 97, 98, 99, 100, 101)
TESSERA_WGMMA(256, 128, 129, 130, 131, 132, 133)
#undef TESSERA_WGMMA
}  // namespace detail

// d += A B, or d = A B where `accumulate` is false. T is BFloat16, or float, whose elements count as TF32 (the lower 13 bits are
// ignored: round before). N is 16, 32, 64, 96, 128, 192 or 256.
template <class T, int N, bool a_transposed = false, bool b_transposed = false>
__device__ inline void wgmma(float (&d)[N / 2], uint64_t a, uint64_t b, bool accumulate) {
  detail::Wgmma<T, N, a_transposed, b_transposed>::run(d, a, b, accumulate);
}
// The same in TF32 with A in registers.
template <int N> __device__ inline void wgmma_tf32(float (&d)[N / 2], const uint32_t (&a)[4], uint64_t b, bool accumulate) {
  detail::Wgmma<float, N, false, false>::run(d, a, b, accumulate);
}

// Sets the registers that a thread of this warpgroup may use: from those of __launch_bounds__ down, for warps that move data, or
// up, for warps that multiply. All threads of the warpgroup call it.
template <int count> __device__ inline void lower_registers() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(count));
}
template <int count> __device__ inline void raise_registers() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(count));
}

#endif  // TESSERA_HOPPER

}  // namespace tessera::kernels::cuda
