// The product of tap_product.h on Hopper's tensor cores, any tap, stride and dilation: an implicit GEMM.
//
// A block computes tile_rows positions times tile_columns columns. Its sum runs over steps: one tap times 64 channels of bfloat16
// (128 bytes; fewer where there are not so many). One thread of the ninth warp is the producer: for each step it has the copy
// engine bring the positions' pixels (the engine itself walks rows and pictures and fills in zeros at the border) and the
// weights' rows into the next stage of a ring. The first eight warps are two warpgroups of consumers: each multiplies half of the
// rows, 64 or 128, by all columns, with the sums in registers, and hands the stage back. At the end the tile goes through shared
// memory to the output. With few tiles, blockIdx.y is a part of the steps (cuda_output_parts.h), whose sums go straight to its output.
//
// Traffic: each block reads (tile_rows + tile_columns) * 128 bytes a step from L2; memory sees them about once.
#include "kernels/conv2d/cuda_hopper.h"
#include "kernels/conv2d/cuda_output_parts.h"
#include "kernels/cuda/tma.h"
#include "kernels/cuda/wgmma.h"

namespace tessera::kernels::cuda {

// How the copy engine sees the pixels: as one picture, or, for steps of more than 8 rows, which are beyond it, each row modulo
// `rows` = step as a picture of its own. Row y is then row y / rows of map y % rows.
template <int kMaps> struct PixelMaps {
  CUtensorMap maps[kMaps];
  int rows;
  int first;  // the lowest tap's row in its map, for the first position
};

namespace {

constexpr int kConsumers = 256, kBlock = kConsumers + kWarp;

template <class T, int tile_rows, int tile_columns, int row_bytes, int stages> struct Tile {
  static constexpr int kRowBytes = tile_rows * row_bytes, kColumnBytes = tile_columns * row_bytes;
  static constexpr int kStage = kRowBytes + kColumnBytes;
  static constexpr int kChunk = row_bytes / static_cast<int>(sizeof(T));  // channels a step
  static constexpr int kStaged = tile_rows * kStagedPitch<T, tile_columns>;
  static constexpr int kRing = stages * kStage > kStaged ? stages* kStage : kStaged;
  static constexpr int kShared = 1024 + kRing + tile_rows * int{sizeof(RowPlace)} + tile_columns * int{sizeof(ColumnPlace)};
  static_assert(kColumnBytes % 512 == 0, "a swizzled operand begins at a multiple of its pattern");
};

template <class T, int tile_rows, int tile_columns, int row_bytes, int stages, int blocks_per_processor, int maps>
__global__ void __launch_bounds__(kBlock, blocks_per_processor)
    product_kernel(const __grid_constant__ PixelMaps<maps> pixels, const __grid_constant__ CUtensorMap weights_map,
                   const __grid_constant__ SumPlan sum, const __grid_constant__ OutputPlan out) {
#if TESSERA_HOPPER
  using Shape = Tile<T, tile_rows, tile_columns, row_bytes, stages>;
  extern __shared__ unsigned char unaligned[];
  unsigned char* ring = unaligned + (1024 - shared_address(unaligned) % 1024) % 1024;
  RowPlace* row_places = reinterpret_cast<RowPlace*>(ring + Shape::kRing);
  ColumnPlace* column_places = reinterpret_cast<ColumnPlace*>(row_places + tile_rows);
  __shared__ Mbarrier full[stages], empty[stages];

  const int first_row = blockIdx.x / sum.column_tiles * tile_rows, first_column = blockIdx.x % sum.column_tiles * tile_columns;
  const TapRange taps = sum.taps_of(first_column, first_column + tile_columns, out);
  const int all_steps = taps.count() * sum.chunks;
  const int begin = static_cast<int>(int64_t{all_steps} * blockIdx.y / gridDim.y);
  const int steps = static_cast<int>(int64_t{all_steps} * (blockIdx.y + 1) / gridDim.y) - begin;
  if (threadIdx.x == 0) {
    for (int s = 0; s < stages; ++s) mbarrier_init(&full[s], 1), mbarrier_init(&empty[s], kConsumers / kWarp);
    fence_mbarrier_init();
  }
  for (int r = threadIdx.x; r < tile_rows; r += kBlock) {
    const int position = first_row + r, rest = position / sum.grid_x;
    row_places[r] = rest / sum.grid_y < sum.images
                        ? row_place(out, rest / sum.grid_y + blockIdx.y * sum.images, rest % sum.grid_y,
                                    position - rest * sum.grid_x)
                        : no_row();
  }
  wait_for_kernel_before();
  for (int c = threadIdx.x; c < tile_columns; c += kBlock) column_places[c] = column_place<T>(out, first_column + c);
  __syncthreads();

  RingPosition<stages> at;
  const int warp = __shfl_sync(0xFFFFFFFF, threadIdx.x / kWarp, 0);  // which shows the compiler that a warp takes one way
  if (warp >= kConsumers / kWarp) {                                  // the producer
    if (threadIdx.x > kConsumers) return;
    const int rest = first_row / sum.grid_x, picture = rest / sum.grid_y;
    const int x = first_row % sum.grid_x * sum.step_x + sum.lowest_x;
    const int y = rest % sum.grid_y * (maps == 1 ? sum.step_y : 1) + pixels.first;
    const int tap = begin / sum.chunks;
    int chunk = begin % sum.chunks, ax = taps.x, ay = taps.y;
    if (steps > 0) ax += tap % taps.columns(), ay += tap / taps.columns();
    for (int step = 0; step < steps; ++step, at.next()) {
      unsigned char* stage = ring + at.stage * Shape::kStage;
      mbarrier_wait(&empty[at.stage], at.parity ^ 1);
      mbarrier_arrive_and_expect(&full[at.stage], Shape::kStage);
      const int row = maps == 1 ? sum.offset_y(ay) : sum.offset_y(ay) + sum.lowest_y - pixels.first * pixels.rows;
      tma_load_pixels(stage, pixels.maps[maps == 1 ? 0 : row % pixels.rows], &full[at.stage], chunk * Shape::kChunk, x, y,
                      picture, sum.offset_x(ax), maps == 1 ? row : row / pixels.rows);
      tma_load_3d(stage + Shape::kRowBytes, weights_map, &full[at.stage], chunk * Shape::kChunk, first_column,
                  ay * sum.taps_x + ax);
      if (++chunk < sum.chunks) continue;
      chunk = 0;
      if (++ax == taps.end_x) ax = taps.x, ++ay;
    }
    return;
  }

  constexpr int kBlocks = tile_rows / 128;  // of 64 rows a warpgroup
  const int group = warp / 4, thread = threadIdx.x % 128;
  float sums[kBlocks][tile_columns / 2];
#pragma unroll
  for (int b = 0; b < kBlocks; ++b)
#pragma unroll
    for (int i = 0; i < tile_columns / 2; ++i) sums[b][i] = 0;
#pragma unroll
  for (int b = 0; b < kBlocks; ++b) wgmma_pin(sums[b]);
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
#pragma unroll
  for (int b = 0; b < kBlocks; ++b) wgmma_pin(sums[b]);

  if (gridDim.y > 1) {
    const int row = group * kBlocks * 64 + thread / 32 * 16 + thread % 32 / 4, column = thread % 4 * 2;
#pragma unroll
    for (int b = 0; b < kBlocks; ++b)
#pragma unroll
      for (int i = 0; i < tile_columns / 2; ++i)  // pairs of eight columns of a row, then of the row 8 below
        with_element<float>(out, row_places[row + b * 64 + i / 2 % 2 * 8], column_places[column + i / 4 * 8 + i % 2],
                            [&](float* to) { *to = sums[b][i]; });
    return;
  }
  named_barrier(1, kConsumers);  // nobody reads the ring any more
  constexpr int kRows = tile_rows / 2;
  unsigned char* staged = ring + group * kRows * kStagedPitch<T, tile_columns>;
#pragma unroll
  for (int b = 0; b < kBlocks; ++b)
    stage_sums<T, tile_columns>(StagedRows<T, tile_columns>{staged + b * 64 * kStagedPitch<T, tile_columns>}, sums[b],
                                column_places, thread);
  named_barrier(2 + group, 128);
  store_staged<T, tile_columns>(out, staged, row_places + group * kRows, column_places, kRows, thread, 128);
#endif
}

// False where the engine's fields cannot hold the walk.
template <int kMaps> bool make_maps(PixelMaps<kMaps>& pixels, const TapProduct& p, const View& in, int channels, int positions) {
  const int64_t rows = kMaps == 1 ? 1 : p.step[0];
  if (rows > kMaps) return false;
  pixels.rows = static_cast<int>(rows);
  pixels.first = static_cast<int>(p.lowest(0) < 0 ? -div_up(-p.lowest(0), rows) : p.lowest(0) / rows);
  const PixelWalk walk{{pixels.first, p.lowest(1)}, p.grid, {kMaps == 1 ? p.step[0] : 1, p.step[1]}};
  const std::array<int64_t, 2> reach{(p.taps[0] - 1) * std::abs(p.tap_step[0]) / rows + 1,
                                     (p.taps[1] - 1) * std::abs(p.tap_step[1])};
  for (int64_t row = 0; row < rows; ++row) {
    const auto* data =
        static_cast<const unsigned char*>(in.data) + row * in.strides[2] * static_cast<int64_t>(element_size(in.dtype));
    const PixelSource source{data,        in.dtype,      in.sizes[1],          in.sizes[3],  div_up(in.sizes[2] - row, rows),
                             in.sizes[0], in.strides[3], in.strides[2] * rows, in.strides[0]};
    if (source.height < 1 || !fits_tensor_map(source, walk, reach)) return false;
    pixels.maps[row] = pixel_tensor_map(source, walk, channels, positions, TmaRounding::ToTf32);
  }
  return true;
}

template <class T, int tile_rows, int tile_columns, int row_bytes, int stages, int blocks_per_processor, int maps = 1>
bool run(const TapProduct& p, const View& out, const View& in, const WeightMatrix& weights, const View* bias) {
  using Shape = Tile<T, tile_rows, tile_columns, row_bytes, stages>;
  const auto kernel = product_kernel<T, tile_rows, tile_columns, row_bytes, stages, blocks_per_processor, maps>;
  static const bool compiled = is_compiled(kernel);
  PixelMaps<maps> pixels;
  if (!compiled || !make_maps(pixels, p, in, Shape::kChunk, tile_rows)) return false;

  const int64_t column_tiles = div_up(p.columns(), tile_columns), row_tiles = div_up(p.positions(), tile_rows);
  const int64_t steps = p.taps[0] * p.taps[1] * div_up(p.in_channels, Shape::kChunk);
  const int64_t room = int64_t{blocks_per_processor} * multiprocessors() / (row_tiles * column_tiles);
  const int parts = static_cast<int>(std::clamp<int64_t>(std::min(room, steps / 8), 1, 32));
  const dim3 grid(static_cast<unsigned>(row_tiles * column_tiles), static_cast<unsigned>(parts));
  const auto start = [&](const OutputPlan& to) {
    launch("conv2d_product", kernel, grid, kBlock, Shape::kShared, pixels,
           weights_tensor_map(p, weights, in.dtype, Shape::kChunk, tile_columns), sum_plan(p, Shape::kChunk, tile_columns), to);
  };
  if (parts == 1) {
    start(output_plan(p, out, bias));
    return true;
  }
  const OutputParts partial(out, parts);
  start(output_plan(p, partial.view(), nullptr));
  partial.add(out, bias);
  return true;
}

// The widest tile that the columns fill; with few positions, smaller ones, so that all multiprocessors have work.
template <class T, int row_bytes>
bool run_tile(const TapProduct& p, const View& out, const View& in, const WeightMatrix& weights, const View* bias) {
  const int64_t columns = p.columns();
  if (p.step[0] > 8) {
    if constexpr (row_bytes == 128)
      return run<T, 128, 32, row_bytes, 5, 2, 32>(p, out, in, weights, bias);
    else
      return false;
  }
  if (columns <= 32) return run<T, 128, 32, row_bytes, 5, 2>(p, out, in, weights, bias);
  if (columns <= 64) return run<T, 128, 64, row_bytes, 4, 2>(p, out, in, weights, bias);
  if constexpr (row_bytes == 128) {
    const int64_t tiles = div_up(p.positions(), 256) * div_up(columns, 128);
    if (tiles >= multiprocessors()) return run<T, 256, 128, row_bytes, 4, 1>(p, out, in, weights, bias);
  }
  return run<T, 128, 128, row_bytes, 3, 2>(p, out, in, weights, bias);
}

template <class T>
bool run_chunk(const TapProduct& p, const View& out, const View& in, const WeightMatrix& weights, const View* bias) {
  const int64_t bytes = p.in_channels * static_cast<int64_t>(sizeof(T));
  if (bytes <= 64) return run_tile<T, 64>(p, out, in, weights, bias);
  return run_tile<T, 128>(p, out, in, weights, bias);
}

}  // namespace

bool hopper_product_by_pixels(const TapProduct& p, const View& out, const View& in, const WeightMatrix& weights,
                              const View* bias) {
  if (!device_is_hopper()) return false;
  if (in.dtype == kFloat32) return run_chunk<float>(p, out, in, weights, bias);
  return run_chunk<BFloat16>(p, out, in, weights, bias);
}

}  // namespace tessera::kernels::cuda
