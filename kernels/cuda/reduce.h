// Reductions over the lanes of a warp and the warps of a block, always in the same order. For .cu files.
#pragma once

#include "kernels/cuda/launch.h"

namespace tessera::kernels::cuda {

struct Plus {
  template <class T> __device__ T operator()(T a, T b) const { return a + b; }
};

// The value over `width` neighbouring lanes (a power of two), in all of them: pairs at distance width / 2, then width / 4, ...
template <int width = kWarp, class T, class Op = Plus> __device__ inline T warp_reduce(T value, Op op = {}) {
#pragma unroll
  for (int distance = width / 2; distance > 0; distance /= 2) value = op(value, __shfl_xor_sync(0xFFFFFFFF, value, distance));
  return value;
}

// The value over all threads of a one-dimensional block of whole warps, in all of them: lanes first, then warps. `identity` is
// op's neutral element. All threads call it; `shared` holds 32 values and may be used again at once.
template <class T, class Op = Plus> __device__ inline T block_reduce(T value, T* shared, T identity = T(), Op op = {}) {
  const int lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp, warps = blockDim.x / kWarp;
  value = warp_reduce(value, op);
  if (lane == 0) shared[warp] = value;
  __syncthreads();
  value = warp_reduce(lane < warps ? shared[lane] : identity, op);
  __syncthreads();
  return value;
}

}  // namespace tessera::kernels::cuda
