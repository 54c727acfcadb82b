// The tensor cores' warp-wide instructions of compute capability 8.0 and later, and the asynchronous copies that feed them.
// Names follow the PTX manual: https://docs.nvidia.com/cuda/parallel-thread-execution (mma, ldmatrix, cp.async). For .cu files.
#pragma once

#include <cstdint>

#include "kernels/cuda/mbarrier.h"
#include "kernels/cuda/pack.h"

namespace tessera::kernels::cuda {

// Starts the copy of 4, 8 or 16 bytes to shared memory; writes zeros and reads nothing unless `valid`.
template <int bytes> __device__ inline void copy_async(void* shared, const void* global, bool valid) {
  static_assert(bytes == 4 || bytes == 8 || bytes == 16);
  const int source_bytes = valid ? bytes : 0;
  if constexpr (bytes == 16)
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(shared)), "l"(global), "r"(source_bytes));
  else
    asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(shared_address(shared)), "l"(global), "n"(bytes),
                 "r"(source_bytes));
}
// Closes the group of copies that this thread has started since the last one.
__device__ inline void commit_copies() { asm volatile("cp.async.commit_group;"); }
// Waits until at most `pending` groups of this thread have not ended.
template <int pending> __device__ inline void wait_copies() { asm volatile("cp.async.wait_group %0;" ::"n"(pending) : "memory"); }

// Four 8 x 8 matrices of 16-bit elements. Lane 8 i + r names the 16 bytes of row r of matrix i, and gets of each matrix the
// elements (lane / 4, 2 (lane % 4) + {0, 1}), or of its transpose.
__device__ inline void load_matrices(uint32_t (&to)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
               : "r"(shared_address(row)));
}
__device__ inline void load_matrices_transposed(uint32_t (&to)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
               : "r"(shared_address(row)));
}

// d[16 x 8] += a[16 x 16] b[16 x 8] for bfloat16 and half, a[16 x 8] b[8 x 8] for float as TensorFloat32. With g = lane / 4 and
// t = lane % 4 a lane holds d(g, 2 t + {0, 1}), d(g + 8, ...), and
//   16-bit          a(g, 2 t + {0, 1}), a(g + 8, ...), a(g, 2 t + 8 + {0, 1}), a(g + 8, ...)
//                   b(2 t + {0, 1}, g), b(2 t + 8 + {0, 1}, g)
//   TensorFloat32   a(g, t), a(g + 8, t), a(g, t + 4), a(g + 8, t + 4)
//                   b(t, g), b(t + 4, g)
template <class T> __device__ inline void mma(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
#define TESSERA_MMA(shape)                                                                                               \
  asm volatile("mma.sync.aligned." shape " {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"             \
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])                                                          \
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1))
  if constexpr (std::is_same_v<T, BFloat16>) TESSERA_MMA("m16n8k16.row.col.f32.bf16.bf16.f32");
  else if constexpr (std::is_same_v<T, Half>) TESSERA_MMA("m16n8k16.row.col.f32.f16.f16.f32");
  else TESSERA_MMA("m16n8k8.row.col.f32.tf32.tf32.f32");
#undef TESSERA_MMA
}

// Nearest TensorFloat32, ties away from zero; mma itself would cut the bits off.
__device__ inline uint32_t to_tf32(float value) {
  uint32_t result;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(result) : "f"(value));
  return result;
}
// The nearest TF32 number and the rest, in TF32 too.
__device__ inline void split_tf32(float value, uint32_t& nearest, uint32_t& rest) {
  nearest = to_tf32(value);
  rest = to_tf32(value - __uint_as_float(nearest));
}

}  // namespace tessera::kernels::cuda
