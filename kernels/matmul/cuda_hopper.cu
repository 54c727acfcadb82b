// The matrix product on Hopper's tensor cores: wgmma fed by the copy engine, in bfloat16, and in float32 as TF32.
//
// A block computes tiles of 128 x tile_n outputs, one after the other. Two warpgroups own 64 rows each and keep their sums in
// registers; a single warp more starts the copies of 128 bytes of k (64 bfloat16, 32 float32) of both factors to a ring of
// stages, and runs ahead into the next tile while the last one is stored. Blocks that run at a time share rows and columns in the
// L2 cache.
//
// A factor may lie with k adjacent, or in bfloat16 with m or n adjacent: wgmma reads either. Float32 with m or n adjacent, and
// factors whose strides the copy engine cannot take, are first copied to scratch memory with k adjacent.
#include <optional>

#include "kernels/cuda/launch.h"
#include "kernels/cuda/memory.h"
#include "kernels/cuda/pack.h"
#include "kernels/cuda/tma.h"
#include "kernels/cuda/wgmma.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/matmul/cuda_paths.h"

namespace tessera::kernels::cuda {
namespace {

constexpr int kTileM = 128, kStages = 4, kConsumers = 256, kBlock = kConsumers + kWarp, kRow = 128, kBox = 64 * kRow;
constexpr int kBand = 16;  // tiles of rows that are worked on together

struct Plan {
  int batches, rows, columns, steps;
  int tiles_m, tiles_n;
  bool a_batched, b_batched;  // false: one matrix for all
  int64_t out_batch, out_row, out_column;
};

struct Tile {
  int batch, m, n;
};
// Tiles in bands of kBand tiles of rows; within a band, row tiles run fastest.
__device__ Tile tile_at(const Plan& plan, int index) {
  const int matrix = plan.tiles_m * plan.tiles_n, batch = index / matrix, inside = index % matrix;
  const int band = inside / (kBand * plan.tiles_n), first = band * kBand, height = min(kBand, plan.tiles_m - first);
  const int rest = inside - first * plan.tiles_n;
  return {batch, first + rest % height, rest / height};
}

// Where the four lanes of a quad hold word i of four rows, lane i afterwards holds the four words of row i: two exchanges with the
// neighbours at distance 1 and 2.
__device__ void transpose_in_quad(uint32_t (&words)[4]) {
#pragma unroll
  for (int distance = 1; distance <= 2; distance *= 2) {
    const bool upper = threadIdx.x & distance;
#pragma unroll
    for (int low = 0; low < 4; ++low) {
      if (low & distance) continue;
      uint32_t &a = words[low], &b = words[low + distance];
      const uint32_t received = __shfl_xor_sync(0xFFFFFFFF, upper ? a : b, distance);
      (upper ? a : b) = received;
    }
  }
}

template <class T, int tile_n, bool a_transposed, bool b_transposed>
__global__ __launch_bounds__(kBlock, 1) void matmul_kernel(const __grid_constant__ CUtensorMap a_map,
                                                           const __grid_constant__ CUtensorMap b_map, const Plan plan, T* out) {
#if TESSERA_HOPPER
  constexpr int kDepth = kRow / sizeof(T), kBytesA = kTileM * kRow, kStage = kBytesA + tile_n * kRow;
  extern __shared__ __align__(1024) unsigned char ring[];
  __shared__ Mbarrier full[kStages], empty[kStages];
  if (threadIdx.x == 0) {
    for (int s = 0; s < kStages; ++s) mbarrier_init(&full[s], 1), mbarrier_init(&empty[s], 2);
    fence_mbarrier_init();
  }
  __syncthreads();
  wait_for_kernel_before();
  const int tiles = plan.batches * plan.tiles_m * plan.tiles_n;
  RingPosition<kStages> at;

  if (threadIdx.x >= kConsumers) {  // the producer
    if (threadIdx.x > kConsumers) return;
    for (int index = blockIdx.x; index < tiles; index += gridDim.x) {
      const Tile tile = tile_at(plan, index);
      const int a_batch = plan.a_batched ? tile.batch : 0, b_batch = plan.b_batched ? tile.batch : 0;
      for (int step = 0; step < plan.steps; ++step, at.next()) {
        unsigned char *const a = ring + at.stage * kStage, *const b = a + kBytesA;
        mbarrier_wait(&empty[at.stage], at.parity ^ 1);
        mbarrier_arrive_and_expect(&full[at.stage], kStage);
        // k adjacent: one box of rows. Else boxes of 64 m (n), whose rows are k.
        if (a_transposed)
          for (int i = 0; i < kTileM / 64; ++i)
            tma_load_3d(a + i * kBox, a_map, &full[at.stage], tile.m * kTileM + i * 64, step * kDepth, a_batch);
        else tma_load_3d(a, a_map, &full[at.stage], step * kDepth, tile.m * kTileM, a_batch);
        if (b_transposed)
          for (int i = 0; i < tile_n / 64; ++i)
            tma_load_3d(b + i * kBox, b_map, &full[at.stage], tile.n * tile_n + i * 64, step * kDepth, b_batch);
        else tma_load_3d(b, b_map, &full[at.stage], step * kDepth, tile.n * tile_n, b_batch);
      }
    }
    return;
  }

  const int group = threadIdx.x / 128, thread = threadIdx.x % 128, lane = thread % kWarp;
  // From one k step of an instruction to the next, in units of 16 bytes: within the row, or to the rows of the next 16 k.
  constexpr int next_a = a_transposed ? 16 * kRow / 16 : 2, next_b = b_transposed ? 16 * kRow / 16 : 2;
  const auto rows_begin_at = [&](int unit) {  // whether each row begins at a multiple of `unit` elements
    return plan.out_column == 1 && (plan.out_row | plan.out_batch) % unit == 0 &&
           is_aligned(reinterpret_cast<uintptr_t>(out), unit * sizeof(T));
  };
  const bool pairs = rows_begin_at(2), eights = sizeof(T) == 2 && plan.columns % 8 == 0 && rows_begin_at(8);
  for (int index = blockIdx.x; index < tiles; index += gridDim.x) {
    float sums[tile_n / 2];
#pragma unroll
    for (int i = 0; i < tile_n / 2; ++i) sums[i] = 0;
    int released = -1;  // the stage whose products may still run
    for (int step = 0; step < plan.steps; ++step, at.next()) {
      unsigned char* const stage = ring + at.stage * kStage;
      mbarrier_wait(&full[at.stage], at.parity);
      const uint64_t a = wgmma_descriptor(stage + group * kBox, kRow, 8 * kRow);
      const uint64_t b = wgmma_descriptor(stage + kBytesA, kRow, 8 * kRow, b_transposed ? kBox : 16);
      wgmma_fence();
#pragma unroll
      for (int k = 0; k < 4; ++k) wgmma<T, tile_n, a_transposed, b_transposed>(sums, a + k * next_a, b + k * next_b, true);
      wgmma_commit();
      wgmma_wait<1>();
      if (released >= 0 && thread == 0) mbarrier_arrive(&empty[released]);
      released = at.stage;
    }
    wgmma_wait<0>();
    if (released >= 0 && thread == 0) mbarrier_arrive(&empty[released]);

    const Tile tile = tile_at(plan, index);
    T* const to = out + tile.batch * plan.out_batch;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int row = tile.m * kTileM + group * 64 + thread / kWarp * 16 + lane / 4 + half * 8;
      if constexpr (sizeof(T) == 2) {
        if (eights) {  // 16 bytes a lane, 64 adjacent bytes a quad
#pragma unroll
          for (int j = 0; j < tile_n / 8; j += 4) {
            uint32_t words[4];
#pragma unroll
            for (int i = 0; i < 4; ++i) {
              const __nv_bfloat162 pair = __floats2bfloat162_rn(sums[4 * (j + i) + 2 * half], sums[4 * (j + i) + 2 * half + 1]);
              memcpy(&words[i], &pair, sizeof(pair));
            }
            transpose_in_quad(words);
            const int column = tile.n * tile_n + (j + lane % 4) * 8;
            if (row < plan.rows && column < plan.columns)
              *reinterpret_cast<uint4*>(to + row * plan.out_row + column) = make_uint4(words[0], words[1], words[2], words[3]);
          }
          continue;
        }
      }
      if (row >= plan.rows) continue;
#pragma unroll
      for (int j = 0; j < tile_n / 8; ++j) {
        const int column = tile.n * tile_n + j * 8 + lane % 4 * 2;
        T* const element = to + row * plan.out_row + column * plan.out_column;
        Pack<float, 2> pair;
        pair[0] = sums[4 * j + 2 * half], pair[1] = sums[4 * j + 2 * half + 1];
        if (pairs && column + 1 < plan.columns) {
          store_pack(element, convert_pack<T>(pair));
          continue;
        }
        if (column < plan.columns) element[0] = convert_to<T>(pair[0]);
        if (column + 1 < plan.columns) element[plan.out_column] = convert_to<T>(pair[1]);
      }
    }
  }
#endif
}

// A factor as [batch][rows][k], of b the columns being the rows, in a layout that the copy engine reads.
class Factor {
 public:
  Factor(const View& v, int row_dim, int k_dim) : view_{v.data, v.dtype, 3} {
    const int64_t unit = 16 / static_cast<int64_t>(element_size(v.dtype));
    view_.sizes = {v.sizes[0], v.sizes[row_dim], v.sizes[k_dim]};
    view_.strides = {v.strides[0], v.strides[row_dim], v.strides[k_dim]};
    if (view_.strides[0] == 0) view_.sizes[0] = 1;
    const auto fits = [&](int inner, int outer) {
      return is_aligned(view_.data) && view_.strides[inner] == 1 && view_.strides[outer] >= view_.sizes[inner] &&
             view_.strides[outer] % unit == 0 && (view_.sizes[0] == 1 || view_.strides[0] % unit == 0);
    };
    if (fits(2, 1)) return;
    transposed_ = v.dtype == kBFloat16 && fits(1, 2);
    if (transposed_) return;
    const View from = view_;
    const int64_t pitch = div_up(view_.sizes[2], unit) * unit;
    scratch_.emplace(view_.sizes[0] * view_.sizes[1] * pitch * static_cast<int64_t>(element_size(v.dtype)));
    view_.data = scratch_->data();
    view_.strides = {view_.sizes[1] * pitch, pitch, 1};
    copy(view_, from);
  }
  bool is_transposed() const { return transposed_; }
  bool is_batched() const { return view_.sizes[0] > 1; }
  // Boxes of 128 bytes of k times `rows`; transposed, of 64 rows times 64 k.
  CUtensorMap map(int rows) const {
    const int64_t depth = 128 / static_cast<int64_t>(element_size(view_.dtype));
    const int64_t batch = view_.sizes[0] == 1 ? view_.strides[transposed_ ? 2 : 1] : view_.strides[0];
    if (transposed_)
      return tiled_tensor_map(view_.data, view_.dtype, {view_.sizes[1], view_.sizes[2], view_.sizes[0]},
                              {view_.strides[2], batch}, {64, 64, 1});
    return tiled_tensor_map(view_.data, view_.dtype, {view_.sizes[2], view_.sizes[1], view_.sizes[0]}, {view_.strides[1], batch},
                            {depth, rows, 1}, TmaRounding::ToTf32);
  }

 private:
  View view_;
  bool transposed_ = false;
  std::optional<DeviceScratch<unsigned char>> scratch_;
};

template <class T, int tile_n, bool a_transposed, bool b_transposed>
bool run(const View& out, const Factor& a, const Factor& b, int64_t depth) {
  const auto kernel = matmul_kernel<T, tile_n, a_transposed, b_transposed>;
  static const bool compiled = [&] {  // not for sm_90a: an empty kernel
    cudaFuncAttributes attributes;
    check(cudaFuncGetAttributes(&attributes, kernel), "kernel attributes");
    return attributes.numRegs > 32;
  }();
  if (!compiled) return false;
  const auto narrow = [](int64_t value) { return static_cast<int>(value); };
  const int64_t tiles_m = div_up(out.sizes[1], kTileM), tiles_n = div_up(out.sizes[2], tile_n);
  const Plan plan{narrow(out.sizes[0]), narrow(out.sizes[1]), narrow(out.sizes[2]),
                  narrow(div_up(depth * static_cast<int64_t>(sizeof(T)), kRow)), narrow(tiles_m), narrow(tiles_n),
                  a.is_batched(), b.is_batched(), out.strides[0], out.strides[1], out.strides[2]};
  const int64_t blocks = std::min<int64_t>(out.sizes[0] * tiles_m * tiles_n, multiprocessors());
  launch("matmul_hopper", kernel, dim3(static_cast<unsigned>(blocks)), kBlock, kStages * (kTileM + tile_n) * kRow, a.map(kTileM),
         b.map(tile_n), plan, out.as<T>());
  return true;
}

// The wide tile where there are enough of them to fill the device.
template <class T, bool a_transposed, bool b_transposed>
bool run_tile(const View& out, const Factor& a, const Factor& b, int64_t depth) {
  const int64_t wide_tiles = out.sizes[0] * div_up(out.sizes[1], kTileM) * div_up(out.sizes[2], 256);
  if (wide_tiles >= multiprocessors()) return run<T, 256, a_transposed, b_transposed>(out, a, b, depth);
  return run<T, 64, a_transposed, b_transposed>(out, a, b, depth);
}

View exchanged(View v) {
  std::swap(v.sizes[1], v.sizes[2]);
  std::swap(v.strides[1], v.strides[2]);
  return v;
}

}  // namespace

bool hopper_matmul(const View& out, const View& a, const View& b, const MatmulParams& params) {
  if (out.dtype != kBFloat16 && (out.dtype != kFloat32 || params.precision == Float32Precision::Highest)) return false;
  const int64_t depth = a.sizes[2], tiles = out.sizes[0] * div_up(out.sizes[1], kTileM) * div_up(out.sizes[2], 64);
  const bool small = out.sizes[1] < 16 || out.sizes[2] < 16 || depth < 16;
  const bool large = tiles >= 1 << 24 || std::max({out.sizes[1], out.sizes[2], depth}) >= 1 << 30;
  if (small || large || !device_is_hopper()) return false;
  if (out.strides[2] != 1 && out.strides[1] == 1)  // the transposed product writes adjacent elements
    return hopper_matmul(exchanged(out), exchanged(b), exchanged(a), params);
  const Factor left(a, 1, 2), right(b, 2, 1);
  if (out.dtype == kFloat32) return run_tile<float, false, false>(out, left, right, depth);
  if (left.is_transposed())
    return right.is_transposed() ? run_tile<BFloat16, true, true>(out, left, right, depth)
                                 : run_tile<BFloat16, true, false>(out, left, right, depth);
  return right.is_transposed() ? run_tile<BFloat16, false, true>(out, left, right, depth)
                               : run_tile<BFloat16, false, false>(out, left, right, depth);
}

}  // namespace tessera::kernels::cuda
