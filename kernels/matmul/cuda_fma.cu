// The float32 matrix product on the CUDA cores, by the tiles of fma_tile.h. Factors of any strides: packs of four k are read at
// once where k is adjacent, else element by element, with neighbouring threads on neighbouring rows.
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

constexpr int kTile = 128;
using Tile = FmaTile<kTile, kTile>;

__global__ __launch_bounds__(Tile::kBlock, 2) void matmul_kernel(const Factor a, const Factor b, const View out, int64_t depth) {
  wait_for_kernel_before();
  __shared__ Tile::Stages stages;
  const int64_t tiles_m = div_up(a.rows, kTile), tiles_n = div_up(b.rows, kTile);
  const int64_t batch = blockIdx.x / (tiles_m * tiles_n), tile = blockIdx.x % (tiles_m * tiles_n);
  const int64_t row0 = tile % tiles_m * kTile, column0 = tile / tiles_m * kTile;
  const float *const left = a.data + batch * a.batch, *const right = b.data + batch * b.batch;
  Tile product;
  product.product(
      stages, static_cast<int>(div_up(depth, kFmaDepth)),
      [&](int step, int pass) {
        return load(a, left, row0 + Tile::load_row(pass), int64_t{step} * kFmaDepth + Tile::load_k(), depth);
      },
      [&](int step, int pass) {
        return load(b, right, column0 + Tile::load_row(pass), int64_t{step} * kFmaDepth + Tile::load_k(), depth);
      },
      [] {});
  float* const to = out.as<float>() + batch * out.strides[0];
  product.for_each([&](int64_t m, int64_t n, float sum) {
    m += row0, n += column0;
    if (m < a.rows && n < b.rows) to[m * out.strides[1] + n * out.strides[2]] = sum;
  });
}

Factor factor(const View& v, int row_dim, int k_dim) {
  const int64_t strides = v.strides[0] | v.strides[row_dim];
  return {v.as<float>(), v.strides[0], v.strides[row_dim], v.strides[k_dim], v.sizes[row_dim],
          v.strides[k_dim] == 1 && v.sizes[k_dim] % 4 == 0 && strides % 4 == 0 && is_aligned(v.data)};
}

}  // namespace

bool fma_matmul(const View& out, const View& a, const View& b) {
  const int64_t blocks = out.sizes[0] * div_up(out.sizes[1], kTile) * div_up(out.sizes[2], kTile);
  if (out.dtype != kFloat32 || blocks >= int64_t{1} << 31) return false;
  launch("matmul_fma", matmul_kernel, dim3(static_cast<unsigned>(blocks)), Tile::kBlock, 0, factor(a, 1, 2), factor(b, 2, 1), out,
         a.sizes[2]);
  return true;
}

}  // namespace tessera::kernels::cuda
