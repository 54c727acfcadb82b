// The product of tap_product.h on Hopper's tensor cores, any tap, stride and dilation: an implicit GEMM.
//
// A block computes tile_rows positions times tile_columns columns. Its sum runs over steps: one tap times 64 channels of bfloat16 (128
// bytes; fewer where there are not so many). One thread of the ninth warp is the producer: for each step it has the copy engine bring
// the positions' pixels (the engine itself walks rows and pictures and fills in zeros at the border) and the weights' rows into the
// next stage of a ring. The first eight warps are two warpgroups of consumers: each multiplies half of the rows, 64 or 128, by all
// columns, with the sums in registers, and hands the stage back. At the end the tile goes through shared memory to the output.
//
// Traffic: each block reads (tile_rows + tile_columns) * 128 bytes a step from L2; pixels and weights come from memory about once.
#include "kernels/conv2d/cuda_output.h"
#include "kernels/conv2d/cuda_tensor_core.h"
#include "kernels/cuda/memory.h"
#include "kernels/cuda/tma.h"
#include "kernels/cuda/wgmma.h"

namespace tessera::kernels::cuda {

// The sum's steps and where their operands lie.
struct SumPlan {
  int positions, grid_y, grid_x, step_y, step_x, lowest_y, lowest_x;
  int taps_y, taps_x, tap_step_y, tap_step_x, kernel_y, kernel_x, phases_y, phases_x;
  int chunks;  // of the channels, a step each
  int column_tiles;

  // Taps that a tile of the columns [begin, end) needs: the most of its phases, which are the lowest's.
  __device__ int2 taps_of(int begin, int end, const OutputPlan& out) const {
    const int last = min(end, out.columns) - 1, phase_y = begin / out.run;
    const int phase_x = last / out.channels == begin / out.channels ? begin % out.run / out.channels : 0;
    return {(kernel_y - phase_y + phases_y - 1) / phases_y, (kernel_x - phase_x + phases_x - 1) / phases_x};
  }
  // A tap's distance from the lowest one, which the copy engine adds to each pixel.
  __device__ int offset_y(int a) const { return tap_step_y < 0 ? (taps_y - 1 - a) * -tap_step_y : a * tap_step_y; }
  __device__ int offset_x(int a) const { return tap_step_x < 0 ? (taps_x - 1 - a) * -tap_step_x : a * tap_step_x; }
};

namespace {

constexpr int kConsumers = 256, kBlock = kConsumers + kWarp;

template <class T, int tile_rows, int tile_columns, int row_bytes, int stages> struct Tile {
  static constexpr int kRowBytes = tile_rows * row_bytes, kColumnBytes = tile_columns * row_bytes;
  static constexpr int kStage = kRowBytes + kColumnBytes;
  static constexpr int kChunk = row_bytes / static_cast<int>(sizeof(T));  // channels a step
  static constexpr int kStaged = tile_rows * kStagedPitch<T, tile_columns>;
  static constexpr int kRing = stages * kStage > kStaged ? stages * kStage : kStaged;
  static constexpr int kShared = 1024 + kRing + tile_rows * int{sizeof(RowPlace)} + tile_columns * int{sizeof(ColumnPlace)};
  static_assert(kColumnBytes % 512 == 0, "a swizzled operand begins at a multiple of its pattern");
};

template <class T, int tile_rows, int tile_columns, int row_bytes, int stages, int blocks_per_processor>
__global__ void __launch_bounds__(kBlock, blocks_per_processor)
    product_kernel(const __grid_constant__ CUtensorMap pixels_map, const __grid_constant__ CUtensorMap weights_map,
                   const __grid_constant__ SumPlan sum, const __grid_constant__ OutputPlan out) {
#if TESSERA_HOPPER
  using Shape = Tile<T, tile_rows, tile_columns, row_bytes, stages>;
  extern __shared__ unsigned char unaligned[];
  unsigned char* ring = unaligned + (1024 - shared_address(unaligned) % 1024) % 1024;
  RowPlace* row_places = reinterpret_cast<RowPlace*>(ring + Shape::kRing);
  ColumnPlace* column_places = reinterpret_cast<ColumnPlace*>(row_places + tile_rows);
  __shared__ Mbarrier full[stages], empty[stages];

  const int first_row = blockIdx.x / sum.column_tiles * tile_rows, first_column = blockIdx.x % sum.column_tiles * tile_columns;
  const int2 taps = sum.taps_of(first_column, first_column + tile_columns, out);
  if (threadIdx.x == 0) {
    for (int s = 0; s < stages; ++s) mbarrier_init(&full[s], 1), mbarrier_init(&empty[s], kConsumers / kWarp);
    fence_mbarrier_init();
  }
  for (int r = threadIdx.x; r < tile_rows; r += kBlock) {
    const int position = first_row + r, rest = position / sum.grid_x;
    row_places[r] = position < sum.positions
                        ? row_place(out, rest / sum.grid_y, rest % sum.grid_y, position - rest * sum.grid_x)
                        : no_row();
  }
  for (int c = threadIdx.x; c < tile_columns; c += kBlock) column_places[c] = column_place<T>(out, first_column + c);
  __syncthreads();

  RingPosition<stages> at;
  if (threadIdx.x >= kConsumers) {  // the producer
    if (threadIdx.x > kConsumers) return;
    const int rest = first_row / sum.grid_x, picture = rest / sum.grid_y;
    const int y = rest % sum.grid_y * sum.step_y + sum.lowest_y, x = first_row % sum.grid_x * sum.step_x + sum.lowest_x;
    for (int ay = 0; ay < taps.x; ++ay)
      for (int ax = 0; ax < taps.y; ++ax)
        for (int chunk = 0; chunk < sum.chunks; ++chunk, at.next()) {
          unsigned char* stage = ring + at.stage * Shape::kStage;
          mbarrier_wait(&empty[at.stage], at.parity ^ 1);
          mbarrier_arrive_and_expect(&full[at.stage], Shape::kStage);
          tma_load_pixels(stage, pixels_map, &full[at.stage], chunk * Shape::kChunk, x, y, picture, sum.offset_x(ax),
                          sum.offset_y(ay));
          tma_load_3d(stage + Shape::kRowBytes, weights_map, &full[at.stage], chunk * Shape::kChunk, first_column,
                      ay * sum.taps_x + ax);
        }
    return;
  }

  constexpr int kBlocks = tile_rows / 128;  // of 64 rows a warpgroup
  const int group = threadIdx.x / 128, thread = threadIdx.x % 128;
  float sums[kBlocks][tile_columns / 2];
#pragma unroll
  for (int b = 0; b < kBlocks; ++b)
#pragma unroll
    for (int i = 0; i < tile_columns / 2; ++i) sums[b][i] = 0;
  const int steps = taps.x * taps.y * sum.chunks;
  int released = -1;  // the stage whose products may still run
  for (int step = 0; step < steps; ++step, at.next()) {
    unsigned char* stage = ring + at.stage * Shape::kStage;
    mbarrier_wait(&full[at.stage], at.parity);
    const uint64_t columns = wgmma_descriptor(stage + Shape::kRowBytes, row_bytes, 8 * row_bytes);
    wgmma_fence();
#pragma unroll
    for (int b = 0; b < kBlocks; ++b) {
      const uint64_t rows = wgmma_descriptor(stage + (group * kBlocks + b) * 64 * row_bytes, row_bytes, 8 * row_bytes);
#pragma unroll
      for (int k = 0; k < row_bytes / 32; ++k) wgmma<T, tile_columns>(sums[b], rows + 2 * k, columns + 2 * k, true);
    }
    wgmma_commit();
    wgmma_wait<1>();
    if (released >= 0 && thread % kWarp == 0) mbarrier_arrive(&empty[released]);
    released = at.stage;
  }
  wgmma_wait<0>();

  named_barrier(1, kConsumers);  // nobody reads the ring any more
  constexpr int kRows = tile_rows / 2;
  unsigned char* staged = ring + group * kRows * kStagedPitch<T, tile_columns>;
#pragma unroll
  for (int b = 0; b < kBlocks; ++b)
    stage_sums<T, tile_columns>(staged + b * 64 * kStagedPitch<T, tile_columns>, sums[b], column_places, thread);
  named_barrier(2 + group, 128);
  store_staged<T, tile_columns>(out, staged, row_places + group * kRows, column_places, kRows, thread, 128);
#endif
}

// A kernel that was not compiled for sm_90a is empty.
template <class Kernel> bool is_compiled(Kernel* kernel) {
  cudaFuncAttributes attributes;
  check(cudaFuncGetAttributes(&attributes, kernel), "kernel attributes");
  return attributes.numRegs > 24;
}

template <class T, int tile_rows, int tile_columns, int row_bytes, int stages, int blocks_per_processor>
bool run(const TapProduct& p, const View& out, const View& in, const WeightMatrix& weights, const View* bias,
         const PixelWalk& walk) {
  using Shape = Tile<T, tile_rows, tile_columns, row_bytes, stages>;
  const auto kernel = product_kernel<T, tile_rows, tile_columns, row_bytes, stages, blocks_per_processor>;
  static const bool compiled = is_compiled(kernel);
  if (!compiled) return false;
  const auto narrow = [](int64_t value) { return static_cast<int>(value); };
  const int64_t column_tiles = div_up(p.columns(), tile_columns), row_tiles = div_up(p.positions(), tile_rows);
  const SumPlan sum{narrow(p.positions()), narrow(p.grid[0]), narrow(p.grid[1]), narrow(p.step[0]), narrow(p.step[1]),
                    narrow(p.lowest(0)), narrow(p.lowest(1)), narrow(p.taps[0]), narrow(p.taps[1]), narrow(p.tap_step[0]),
                    narrow(p.tap_step[1]), narrow(p.kernel[0]), narrow(p.kernel[1]), narrow(p.phases[0]), narrow(p.phases[1]),
                    narrow(div_up(p.in_channels, Shape::kChunk)), narrow(column_tiles)};
  const CUtensorMap pixels_map = pixel_tensor_map(in.data, in.dtype, {in.sizes[1], in.sizes[3], in.sizes[2], in.sizes[0]},
                                                  {in.strides[3], in.strides[2], in.strides[0]}, walk, Shape::kChunk, tile_rows,
                                                  TmaRounding::ToTf32);
  const CUtensorMap weights_map =
      tiled_tensor_map(weights.data, in.dtype, {p.in_channels, p.columns(), p.taps[0] * p.taps[1]},
                       {weights.column_stride, weights.tap_stride}, {Shape::kChunk, tile_columns, 1}, TmaRounding::ToTf32);
  launch("conv2d_product", kernel, dim3(static_cast<unsigned>(row_tiles * column_tiles)), kBlock, Shape::kShared, pixels_map,
         weights_map, sum, output_plan(p, out, bias));
  return true;
}

// The widest tile that the columns fill; with few positions, smaller ones, so that all multiprocessors have work.
template <class T, int row_bytes>
bool run_tile(const TapProduct& p, const View& out, const View& in, const WeightMatrix& weights, const View* bias,
              const PixelWalk& walk) {
  const int64_t columns = p.columns();
  if (columns <= 16) return run<T, 128, 16, row_bytes, 6, 2>(p, out, in, weights, bias, walk);
  if (columns <= 32) return run<T, 128, 32, row_bytes, 5, 2>(p, out, in, weights, bias, walk);
  if (columns <= 64) return run<T, 128, 64, row_bytes, 4, 2>(p, out, in, weights, bias, walk);
  if (columns <= 96) return run<T, 128, 96, row_bytes, 3, 2>(p, out, in, weights, bias, walk);
  if constexpr (row_bytes == 128) {
    const int64_t tiles = div_up(p.positions(), 256) * div_up(columns, 128);
    if (tiles >= multiprocessors()) return run<T, 256, 128, row_bytes, 4, 1>(p, out, in, weights, bias, walk);
  }
  return run<T, 128, 128, row_bytes, 3, 2>(p, out, in, weights, bias, walk);
}

template <class T>
bool run_chunk(const TapProduct& p, const View& out, const View& in, const WeightMatrix& weights, const View* bias,
               const PixelWalk& walk) {
  const int64_t bytes = p.in_channels * static_cast<int64_t>(sizeof(T));
  if (bytes <= 32) return run_tile<T, 32>(p, out, in, weights, bias, walk);
  if (bytes <= 64) return run_tile<T, 64>(p, out, in, weights, bias, walk);
  return run_tile<T, 128>(p, out, in, weights, bias, walk);
}

}  // namespace

bool hopper_product(const TapProduct& p, const View& out, const View& in, const View& weight, const View* bias) {
  if (!device_is_hopper()) return false;
  const PixelWalk walk{{p.lowest(0), p.lowest(1)}, p.grid, p.step};
  const bool narrow = p.positions() < 1 << 30 && p.columns() < 1 << 30 && p.out[1] * p.channels < 1 << 30;
  const bool near = p.offset(0, p.tap_step[0] < 0 ? 0 : p.taps[0] - 1) <= 255 && p.offset(1, p.tap_step[1] < 0 ? 0 : p.taps[1] - 1) <= 255;
  if (!narrow || !near || !fits_tensor_map(walk, in.sizes[2], in.sizes[3])) return false;
  const DeviceScratch<unsigned char> packed(packed_weight_elements(p, weight.dtype) * static_cast<int64_t>(element_size(weight.dtype)));
  const WeightMatrix weights = pack_weights(packed.data(), p, weight);
  if (in.dtype == kFloat32) return run_chunk<float>(p, out, in, weights, bias, walk);
  return run_chunk<BFloat16>(p, out, in, weights, bias, walk);
}

}  // namespace tessera::kernels::cuda
