// The product of tap_product.h on Hopper's tensor cores where positions are one or two pixels apart: tiles of pixels stay in
// shared memory while all taps read them.
//
// A warpgroup computes 8 x 16 (or 16 x 8) positions times tile_columns columns; the two consumer warpgroups of a block have tiles
// of their own and share the weights. For a chunk of 64 channels of bfloat16 (128 bytes; fewer where there are not so many), the
// copy engine brings the tile's pixels with their halo, 10 x 18 for a 3x3 kernel, zeros beyond the border. Tap (y, x) is then
// nothing but another address: an operand of wgmma consists of groups of eight rows, here eight neighbouring pixels, at a
// constant distance, here the box's row. So a pixel is read from L2 1.4 times instead of 9. With a step of 2 the pixels that a tap
// reads are every second one: the input is four planes, of even or odd rows and columns, which tensor maps of twice the strides
// show to the copy engine. In a plane positions are one pixel apart again; each plane comes in a box of its own, for its taps.
//
// The weights of a step (chunk, tap) come through a ring of stages; if all of them fit, they come once and stay. Where there are few
// tiles, the chunks of the sum are cut into parts, which become items of their own (cuda_output_parts.h). Blocks live as long as
// there is work, one or two a multiprocessor; while one warpgroup writes its result, the other one multiplies. Warps 8 and 9 are the
// producers: one thread each asks for a warpgroup's pixels, the first for the weights too.
//
// `split`: float32 at its own precision, of split weights, pixels split in registers (cuda_warpgroup_product.h). A warpgroup then has its
// sums twice, and takes the registers that a producer warpgroup leaves.
//
// The kernel; cuda_hopper_tiles.cu chooses its sizes. For that file.
#pragma once

#include "kernels/conv2d/cuda_hopper.h"
#include "kernels/conv2d/cuda_pixel_planes.h"
#include "kernels/conv2d/cuda_warpgroup_product.h"
#include "kernels/cuda/index.h"
#include "kernels/cuda/tma.h"
#include "kernels/cuda/wgmma.h"

namespace tessera::kernels::cuda::tiles {

// Tiles of positions, and what shared memory holds.
struct TilePlan {
  int width, height;  // of a warpgroup's tile
  FastDivisor tiles_y, tiles_x, column_tiles, parts;
  int part_chunks;                      // of a part of the sum
  int box_width, box_bytes, box_space;  // of pixels with halo; space: bytes between boxes in shared memory
  int work;                             // items: two tiles of positions times a tile of columns times a part
  int stages;                           // of weights
  bool resident;                        // all weights stay: a stage a step
};

constexpr int kConsumers = 256, kBoxes = 2, kMaxStages = 16;
constexpr int kTileRows = 128;                                    // positions of a warpgroup
constexpr int kProducerRegisters = 40, kConsumerRegisters = 232;  // of split products: (65536 - 128 * 40) / 256

// Out: the output's type, T or float for parts.
template <class T, class Out, int tile_columns, int row_bytes, bool split> struct Shape {
  static constexpr int kBlock = kConsumers + (split ? 128 : 2 * kWarp);
  static constexpr int kBlocks = tile_columns <= 32 && !split ? 2 : 1;  // a multiprocessor
  static constexpr int kChunk = row_bytes / static_cast<int>(sizeof(T));
  static constexpr int kMatrix = tile_columns * row_bytes, kStage = kMatrix * (split ? 2 : 1);  // of weights
#if TESSERA_HOPPER
  using Product = std::conditional_t<split, SplitProduct<tile_columns, row_bytes>, RoundedProduct<T, tile_columns, row_bytes>>;
#endif
  static constexpr int kBox = 64 * tile_columns * static_cast<int>(sizeof(Out));  // half of a warpgroup's results
  static constexpr int kResults = sizeof(Out) == 2 ? 2 : 1;                       // on their way to the output
  static constexpr int kLoose = 64 * kStagedPitch<Out, tile_columns>;             // the same half, for ordinary stores
  static constexpr int kStaged = (std::max(kResults * kBox, kLoose) + 1023) / 1024 * 1024;
  static constexpr int kPlaces = kTileRows * int{sizeof(RowPlace)} + tile_columns * int{sizeof(ColumnPlace)};
  static constexpr int kFixed = 1024 + 2 * (kStaged + kPlaces);
  static_assert(kMatrix % 512 == 0 && kPlaces % 16 == 0);
};

// What a warpgroup does of an item: its tile's corner, the tile of columns, the part of the sum.
struct TileAt {
  int picture, y, x, column_tile, part;
};
[[maybe_unused]] __device__ inline TileAt tile_at(const TilePlan& plan, uint32_t item, int group) {
  const QuotientRemainder part = plan.parts(item), pair = plan.column_tiles(part.quotient);
  const QuotientRemainder x = plan.tiles_x(pair.quotient * 2 + group), y = plan.tiles_y(x.quotient);
  return {static_cast<int>(y.quotient), static_cast<int>(y.remainder) * plan.height, static_cast<int>(x.remainder) * plan.width,
          static_cast<int>(pair.remainder), static_cast<int>(part.remainder)};
}

template <class T, class Out, int tile_columns, int row_bytes, bool strided, bool split>
__global__ void __launch_bounds__(Shape<T, Out, tile_columns, row_bytes, split>::kBlock,
                                  Shape<T, Out, tile_columns, row_bytes, split>::kBlocks)
    tile_product_kernel(const __grid_constant__ PixelPlanes pixels, const __grid_constant__ CUtensorMap weights_map,
                        const __grid_constant__ BoxOutput boxed, const __grid_constant__ SumPlan sum,
                        const __grid_constant__ TilePlan plan, const __grid_constant__ OutputPlan out) {
#if TESSERA_HOPPER
  using S = Shape<T, Out, tile_columns, row_bytes, split>;
  using Box = StagedBox<Out, tile_columns>;
  extern __shared__ unsigned char unaligned[];
  unsigned char* boxes = unaligned + (1024 - shared_address(unaligned) % 1024) % 1024;  // [group][kBoxes]
  unsigned char* staging = boxes + 2 * kBoxes * plan.box_space;
  unsigned char* weights = staging + 2 * S::kStaged;
  unsigned char* places = weights + plan.stages * S::kStage;
  __shared__ Mbarrier box_full[2][kBoxes], box_empty[2][kBoxes], stage_full[kMaxStages], stage_empty[kMaxStages];

  if (threadIdx.x == 0) {
    for (int g = 0; g < 2; ++g)
      for (int b = 0; b < kBoxes; ++b) mbarrier_init(&box_full[g][b], 1), mbarrier_init(&box_empty[g][b], 4);
    for (int s = 0; s < kMaxStages; ++s) mbarrier_init(&stage_full[s], 1), mbarrier_init(&stage_empty[s], 8);
    fence_mbarrier_init();
  }
  __syncthreads();
  wait_for_kernel_before();

  int first_column = -1;  // of the item's tile of columns
  TapRange taps{};        // that those columns need
  int first_chunk = 0, end_chunk = sum.chunks;
  int stage = 0, box = 0;  // positions in the rings, and the parities of their phases
  uint32_t stage_parity = 0, box_parity = 0;
  const auto next_stage = [&] {
    if (++stage == plan.stages) stage = 0, stage_parity ^= 1;
  };
  const auto next_box = [&] {
    if (++box == kBoxes) box = 0, box_parity ^= 1;
  };

  // The steps of an item: on_box(chunk, plane) for each box of pixels, then on_tap(chunk, tap, y, x, last) for each tap that reads
  // it, from pixel (y, x) of the box on.
  const auto for_each_step = [&](auto&& on_box, auto&& on_tap) {
    for (int chunk = first_chunk; chunk < end_chunk; ++chunk)
      for (int i = 0; i < (strided ? pixels.count : 1); ++i) {
        const PixelPlanes::Plane plane = strided ? pixels.planes[i] : PixelPlanes::Plane{};
        // Tap y of the plane is tap plane.tap_y + y * step; a step is 1 or 2. With 2 there is one phase, whose taps begin at 0.
        const int end_y = strided ? (taps.end_y - plane.tap_y + sum.step_y - 1) >> (sum.step_y - 1) : taps.end_y;
        const int end_x = strided ? (taps.end_x - plane.tap_x + sum.step_x - 1) >> (sum.step_x - 1) : taps.end_x;
        if (end_y <= taps.y || end_x <= taps.x) continue;
        on_box(chunk, i);
        for (int y = taps.y; y < end_y; ++y)
          for (int x = taps.x; x < end_x; ++x, next_stage()) {
            const int tap_y = strided ? plane.tap_y + y * sum.step_y : y, tap_x = strided ? plane.tap_x + x * sum.step_x : x;
            on_tap(chunk, tap_y * sum.taps_x + tap_x, sum.offset_y(y), sum.offset_x(x), y == end_y - 1 && x == end_x - 1);
          }
      }
  };
  const auto next_part = [&](int part) {
    first_chunk = part * plan.part_chunks, end_chunk = min(first_chunk + plan.part_chunks, sum.chunks);
  };
  const auto next_columns = [&](int column) {  // whether they are others
    if (first_column == column) return false;
    first_column = column, taps = sum.taps_of(column, column + tile_columns, out);
    return true;
  };

  if (threadIdx.x >= kConsumers) {  // producers
    if constexpr (split) lower_registers<kProducerRegisters>();
    const int group = (threadIdx.x - kConsumers) / kWarp;
    if (threadIdx.x % kWarp != 0 || group > 1) return;
    const auto load_weights = [&](int chunk, int tap, Mbarrier* full) {
      unsigned char* const to = weights + stage * S::kStage;
      tma_load_3d(to, weights_map, full, chunk * S::kChunk, first_column, tap);
      if constexpr (split)
        tma_load_3d(to + S::kMatrix, weights_map, full, chunk * S::kChunk, first_column, sum.taps_y * sum.taps_x + tap);
    };
    if (plan.resident && group == 0) {
      next_columns(0);
      mbarrier_arrive_and_expect(&stage_full[0], plan.stages * S::kStage);
      const auto load_first_stage = [&](int chunk, int tap, int, int, bool) { load_weights(chunk, tap, &stage_full[0]); };
      for_each_step([](int, int) {}, load_first_stage);
    }
    for (int item = blockIdx.x; item < plan.work; item += gridDim.x) {
      const TileAt at = tile_at(plan, item, group);
      next_part(at.part);
      next_columns(at.column_tile * tile_columns);
      const auto load_box = [&](int chunk, int plane) {
        const PixelPlanes::Plane& from = pixels.planes[plane];
        mbarrier_wait(&box_empty[group][box], box_parity ^ 1);
        mbarrier_arrive_and_expect(&box_full[group][box], plan.box_bytes);
        tma_load_4d(boxes + (group * kBoxes + box) * plan.box_space, pixels.maps[plane], &box_full[group][box], chunk * S::kChunk,
                    at.x + from.lowest_x, at.y + from.lowest_y, at.picture);
        next_box();
      };
      const auto load_stage = [&](int chunk, int tap, int, int, bool) {
        if (group != 0 || plan.resident) return;
        mbarrier_wait(&stage_empty[stage], stage_parity ^ 1);
        mbarrier_arrive_and_expect(&stage_full[stage], S::kStage);
        load_weights(chunk, tap, &stage_full[stage]);
      };
      for_each_step(load_box, load_stage);
    }
    return;
  }

  if constexpr (split) raise_registers<kConsumerRegisters>();
  const int group = threadIdx.x / 128, thread = threadIdx.x % 128, lane = thread % kWarp;
  unsigned char* staged = staging + group * S::kStaged;
  RowPlace* row_places = reinterpret_cast<RowPlace*>(places + group * S::kPlaces);
  ColumnPlace* column_places = reinterpret_cast<ColumnPlace*>(row_places + kTileRows);
  const int box_row = plan.box_width * row_bytes;
  const int second = plan.width == 8 ? 8 * box_row : 8 * row_bytes;  // from the tile's first 8 x 8 positions to the second
  if (plan.resident) mbarrier_wait(&stage_full[0], 0);

  for (int item = blockIdx.x; item < plan.work; item += gridDim.x) {
    const TileAt at = tile_at(plan, item, group);
    next_part(at.part);
    const int out_picture = at.picture + at.part * sum.images;
    if (next_columns(at.column_tile * tile_columns))
      for (int c = thread; c < tile_columns; c += 128) column_places[c] = column_place<Out>(out, first_column + c);
    typename S::Product product(thread, box_row);
    int used_stage = -1, used_box = -1;  // whose products may still run
    const auto release = [&] {
      if (lane != 0) return;
      if (used_stage >= 0 && !plan.resident) mbarrier_arrive(&stage_empty[used_stage]);
      if (used_box >= 0) mbarrier_arrive(&box_empty[group][used_box]);
    };
    if (plan.resident) stage = 0;
    int first_pixel = 0;  // bytes from `boxes`
    const auto wait_for_box = [&](int, int) {
      mbarrier_wait(&box_full[group][box], box_parity);
      first_pixel = (group * kBoxes + box) * plan.box_space;
    };
    const auto multiply = [&](int, int, int y, int x, bool last) {
      if (!plan.resident) mbarrier_wait(&stage_full[stage], stage_parity);
      const int corner = first_pixel + y * box_row + x * row_bytes;
      product.tap({boxes, corner, corner + second, box_row, weights + stage * S::kStage}, release);
      used_stage = stage, used_box = last ? box : -1;
      if (last) next_box();
    };
    for_each_step(wait_for_box, multiply);
    product.finish();
    release();

    if (boxed.unit != 0) {
#pragma unroll
      for (int first = 0; first < 2; first += S::kResults) {
        if (thread == 0) tma_wait_read<0>();
        named_barrier(1 + group, 128);
#pragma unroll
        for (int half = first; half < first + S::kResults; ++half)
          stage_sums<Out, tile_columns>(Box{staged + (half - first) * S::kBox}, product.totals[half], column_places, thread);
        fence_shared_for_async();
        named_barrier(1 + group, 128);
        if (thread != 0) continue;
        for (int c = 0; c < tile_columns / Box::kColumns; ++c) {
          const int column = first_column + c * Box::kColumns, map = boxed.count == 1 ? 0 : column / boxed.unit;
          if (column >= out.columns || at.picture >= sum.images) break;
          for (int half = first; half < first + S::kResults; ++half)
            tma_store_4d(boxed.maps[map], staged + (half - first) * S::kBox + c * Box::kBlock, column - map * boxed.unit,
                         at.x + (plan.width == 8 ? 0 : 8 * half), at.y + (plan.width == 8 ? 8 * half : 0), out_picture);
        }
        tma_commit();
      }
      continue;
    }
    const int place_y = thread % 64 / 8 + (plan.width == 8 ? thread / 64 * 8 : 0) + at.y;
    const int place_x = thread % 8 + (plan.width == 8 ? 0 : thread / 64 * 8) + at.x;
    row_places[thread] = at.picture < sum.images && place_y < sum.grid_y && place_x < sum.grid_x
                             ? row_place(out, out_picture, place_y, place_x)
                             : no_row();
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      named_barrier(1 + group, 128);
      stage_sums<Out, tile_columns>(StagedRows<Out, tile_columns>{staged}, product.totals[half], column_places, thread);
      named_barrier(1 + group, 128);
      store_staged<Out, tile_columns>(out, staged, row_places + 64 * half, column_places, 64, thread, 128);
    }
    named_barrier(1 + group, 128);
  }
  if (thread == 0) tma_wait_read<0>();  // shared memory lives as long as the block
#endif
}

}  // namespace tessera::kernels::cuda::tiles
