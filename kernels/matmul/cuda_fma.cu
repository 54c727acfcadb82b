// The float32 matrix product on the CUDA cores, by the tiles of fma_tile.h. Factors of any strides: packs of four k are read at once
// where k is adjacent, else element by element, with neighbouring threads on neighbouring rows.
#include "kernels/cuda/fma_tile.h"
#include "kernels/matmul/cuda_paths.h"

namespace tessera::kernels::cuda {
namespace {

// A factor as rows of k: of b, the columns are the rows.
struct Factor {
  const float* data;
  int64_t batch, row, k;  // strides
  int64_t rows;
  bool packs;
};

__device__ Pack<float, 4> load(const Factor& f, const float* matrix, int64_t row, int64_t k, int64_t depth) {
  Pack<float, 4> result{};
  if (row >= f.rows || k >= depth) return result;
  const float* from = matrix + row * f.row + k * f.k;
  if (f.packs) return load_pack<4>(from);
#pragma unroll
  for (int i = 0; i < 4; ++i) result[i] = k + i < depth ? from[i * f.k] : 0.0f;
  return result;
}

__global__ __launch_bounds__(kFmaBlock, 2) void matmul_kernel(const Factor a, const Factor b, const View out, int64_t depth) {
  __shared__ FmaStages stages;
  const int64_t tiles_m = div_up(a.rows, kFmaTile), tiles_n = div_up(b.rows, kFmaTile);
  const int64_t batch = blockIdx.x / (tiles_m * tiles_n), tile = blockIdx.x % (tiles_m * tiles_n);
  const int64_t row0 = tile % tiles_m * kFmaTile, column0 = tile / tiles_m * kFmaTile;
  const float *const left = a.data + batch * a.batch, *const right = b.data + batch * b.batch;
  const int row = threadIdx.x / 4, k = threadIdx.x % 4 * 4;
  float sums[8][8] = {};
  fma_product(
      stages, static_cast<int>(div_up(depth, kFmaDepth)),
      [&](int step, int pass) { return load(a, left, row0 + row + pass * 64, int64_t{step} * kFmaDepth + k, depth); },
      [&](int step, int pass) { return load(b, right, column0 + row + pass * 64, int64_t{step} * kFmaDepth + k, depth); }, sums);
  float* const to = out.as<float>() + batch * out.strides[0];
#pragma unroll
  for (int i = 0; i < 8; ++i)
#pragma unroll
    for (int j = 0; j < 8; ++j) {
      const int64_t m = row0 + fma_row(i), n = column0 + fma_column(j);
      if (m < a.rows && n < b.rows) to[m * out.strides[1] + n * out.strides[2]] = sums[i][j];
    }
}

Factor factor(const View& v, int row_dim, int k_dim) {
  const int64_t strides = v.strides[0] | v.strides[row_dim];
  return {v.as<float>(), v.strides[0], v.strides[row_dim], v.strides[k_dim], v.sizes[row_dim],
          v.strides[k_dim] == 1 && v.sizes[k_dim] % 4 == 0 && strides % 4 == 0 && is_aligned(v.data)};
}

}  // namespace

bool fma_matmul(const View& out, const View& a, const View& b) {
  const int64_t blocks = out.sizes[0] * div_up(out.sizes[1], kFmaTile) * div_up(out.sizes[2], kFmaTile);
  if (out.dtype != kFloat32 || blocks >= int64_t{1} << 31) return false;
  launch("matmul_fma", matmul_kernel, dim3(static_cast<unsigned>(blocks)), kFmaBlock, 0, factor(a, 1, 2), factor(b, 2, 1), out,
         a.sizes[2]);
  return true;
}

}  // namespace tessera::kernels::cuda
