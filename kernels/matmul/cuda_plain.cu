// The matrix product on CUDA devices for every dtype and any strides.
//
// A block computes 16 x 16 outputs, a thread one of them. K is walked in steps of 16: the block loads a 16 x 16 tile of each
// factor to shared memory, so that each element is read from memory once a block instead of 16 times.
#include "kernels/cuda/launch.h"
#include "kernels/cuda/pack.h"
#include "kernels/matmul/cuda_paths.h"

namespace tessera::kernels::cuda::plain {
namespace {

constexpr int kTile = 16;

template <class T> __device__ compute_t<T> load(const View& v, int64_t batch, int64_t row, int64_t column) {
  if (row >= v.sizes[1] || column >= v.sizes[2]) return 0;
  return convert_to<compute_t<T>>(v.as<T>()[batch * v.strides[0] + row * v.strides[1] + column * v.strides[2]]);
}

template <class T> __global__ void matmul_kernel(const View out, const View a, const View b) {
  wait_for_kernel_before();
  __shared__ compute_t<T> left[kTile][kTile + 1], right[kTile][kTile + 1];
  const int64_t depth = a.sizes[2], columns = div_up(out.sizes[2], kTile), rows = div_up(out.sizes[1], kTile);
  const int i = threadIdx.y, j = threadIdx.x;
  for (int64_t tile = blockIdx.x; tile < columns * rows * out.sizes[0]; tile += gridDim.x) {
    const int64_t batch = tile / columns / rows;
    const int64_t row = tile / columns % rows * kTile + i, column = tile % columns * kTile + j;
    compute_t<T> sum = 0;
    for (int64_t k = 0; k < depth; k += kTile) {
      left[i][j] = load<T>(a, batch, row, k + j);
      right[i][j] = load<T>(b, batch, k + i, column);
      __syncthreads();
#pragma unroll
      for (int s = 0; s < kTile; ++s) sum += left[i][s] * right[s][j];
      __syncthreads();
    }
    if (row < out.sizes[1] && column < out.sizes[2])
      out.as<T>()[batch * out.strides[0] + row * out.strides[1] + column * out.strides[2]] = convert_to<T>(sum);
  }
}

}  // namespace

void matmul(const View& out, const View& a, const View& b, const MatmulParams&) {
  const int64_t tiles = out.sizes[0] * div_up(out.sizes[1], kTile) * div_up(out.sizes[2], kTile);
  dispatch_floating(out.dtype, [&]<class T>() {
    launch("matmul_plain", matmul_kernel<T>, dim3(static_cast<unsigned>(std::min<int64_t>(tiles, int64_t{1} << 24))),
           dim3(kTile, kTile), 0, out, a, b);
  });
}

}  // namespace tessera::kernels::cuda::plain
