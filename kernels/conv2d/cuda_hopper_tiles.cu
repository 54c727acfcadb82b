// The sizes of the tile kernel (cuda_hopper_tiles.h): tiles of positions, columns, shared memory, parts of the sum.
#include "kernels/conv2d/cuda_hopper_tiles.h"

#include "kernels/conv2d/cuda_output_parts.h"
#include "kernels/conv2d/sum_parts.h"
#include "kernels/cuda/initcheck.h"

namespace tessera::kernels::cuda {
namespace {

using namespace tiles;

// How positions go into tiles.
TilePlan tile_plan(const TapProduct& p, const SumPlan& sum) {
  const auto narrow = [](int64_t value) { return static_cast<int>(value); };
  const auto tiles = [&](int64_t width, int64_t height) { return div_up(p.grid[1], width) * div_up(p.grid[0], height); };
  TilePlan plan{};
  plan.width = tiles(16, 8) <= tiles(8, 16) ? 16 : 8;
  plan.height = kTileRows / plan.width;
  const int64_t tiles_x = div_up(p.grid[1], plan.width), tiles_y = div_up(p.grid[0], plan.height);
  plan.tiles_x = FastDivisor(tiles_x), plan.tiles_y = FastDivisor(tiles_y), plan.column_tiles = FastDivisor(sum.column_tiles);
  plan.box_width = narrow(plan.width + reach(p, 1));
  plan.work = narrow(div_up(p.images * tiles_y * tiles_x, 2) * sum.column_tiles);
  return plan;
}

// The kernel with the sum in `parts` parts, each with pictures of its own in `out`. `plan`: tile_plan()'s.
template <class T, class Out, int tile_columns, int row_bytes, bool strided, bool split>
bool run_parts(const TapProduct& p, const SumPlan& sum, TilePlan plan, const View& out, const View& in, const WeightMatrix& weights,
               const View* bias, int parts) {
  using S = Shape<T, Out, tile_columns, row_bytes, split>;
  const auto kernel = tile_product_kernel<T, Out, tile_columns, row_bytes, strided, split>;
  static const bool compiled = is_compiled(kernel);
  if (!compiled) return false;
  const auto narrow = [](int64_t value) { return static_cast<int>(value); };
  const int64_t box_height = plan.height + reach(p, 0);
  if (plan.box_width > 64 || box_height > 64) return false;
  plan.box_bytes = narrow(plan.box_width * box_height * row_bytes);
  plan.box_space = narrow(div_up(plan.box_bytes, 1024) * 1024);
  plan.parts = FastDivisor(parts), plan.part_chunks = narrow(div_up(sum.chunks, parts));
  plan.work *= parts;

  const PixelPlanes pixels =
      pixel_planes(p, in, S::kChunk, plan.box_width, box_height, split ? TmaRounding::None : TmaRounding::ToTf32);
  int64_t taps = 0;
  for (int i = 0; i < pixels.count; ++i)
    taps += div_up(p.taps[0] - pixels.planes[i].tap_y, p.step[0]) * div_up(p.taps[1] - pixels.planes[i].tap_x, p.step[1]);

  constexpr int kSharedLimit = 227 * 1024 - 1024;  // some is static
  const int steps = narrow(taps * sum.chunks), left = kSharedLimit - S::kFixed - 2 * kBoxes * plan.box_space;
  plan.resident = parts == 1 && sum.column_tiles == 1 && steps * S::kStage <= left;
  plan.stages = plan.resident ? steps : std::min(left / S::kStage, kMaxStages);
  if (!plan.resident && plan.stages < 3) return false;
  const size_t shared = static_cast<size_t>(S::kFixed + 2 * kBoxes * plan.box_space + plan.stages * S::kStage);

  TapProduct stored = p;
  stored.images *= parts;
  const int blocks = (shared <= 113 * 1024 ? S::kBlocks : 1) * multiprocessors();
  const BoxOutput boxed = box_output(stored, out, StagedBox<Out, tile_columns>::kColumns);
  launch("conv2d_tile_product", kernel, dim3(static_cast<unsigned>(std::min(plan.work, blocks))), S::kBlock, shared, pixels,
         weights_tensor_map(p, weights, in.dtype, S::kChunk, tile_columns, split), boxed, sum, plan, output_plan(stored, out, bias));
  if (boxed.unit != 0) mark_initialized(out);
  return true;
}

template <class T, int tile_columns, int row_bytes, bool strided, bool split>
bool run(const TapProduct& p, const View& out, const View& in, const WeightMatrix& weights, const View* bias) {
  const SumPlan sum = sum_plan(p, row_bytes / int{sizeof(T)}, tile_columns);
  const TilePlan plan = tile_plan(p, sum);
  if constexpr (sizeof(T) == 4 || tile_columns <= 64) {  // 128 columns of bfloat16 are for large pictures
    // A chunk of the sum: all taps of it, at 6 TFLOP/s a multiprocessor in bfloat16, half of it in TF32; at least what its pixels take.
    const double flop = 2.0 * 2 * kTileRows * tile_columns * (row_bytes / 2) * static_cast<double>(p.taps[0] * p.taps[1]);
    const double chunk_us = std::max(flop * (split ? 3 : 1) / 6e6, 0.4);
    const int slots = multiprocessors();
    const int parts = plan.work < slots ? parts_of_sum(plan.work, sum.chunks, out.numel(), slots, chunk_us, kAddPartsUs) : 1;
    if (parts > 1) {
      const OutputParts partial(out, parts);
      const auto start = run_parts<T, float, tile_columns, row_bytes, strided, split>;
      if (!start(p, sum, plan, partial.view(), in, weights, nullptr, parts)) return false;
      partial.add(out, bias);
      return true;
    }
  }
  return run_parts<T, T, tile_columns, row_bytes, strided, split>(p, sum, plan, out, in, weights, bias, 1);
}

// Whether tiles of 64 columns keep the multiprocessors better at work than those of 128: there are more items, which take a little more
// than half as long, unless it is the loads of pixels that take the time, as with a step of 2.
bool is_better_narrow(const TapProduct& p) {
  const int64_t pairs = div_up(p.images * div_up(p.grid[0], 8) * div_up(p.grid[1], 16), 2);
  const auto rounds = [&](int64_t columns) { return div_up(pairs * div_up(p.columns(), columns), multiprocessors()); };
  const double half = p.step == TapProduct::Pair{1, 1} ? 0.56 : 0.8;
  return rounds(64) * half < static_cast<double>(rounds(128));
}

template <class T, int row_bytes, bool strided, bool split>
bool run_columns(const TapProduct& p, const View& out, const View& in, const WeightMatrix& weights, const View* bias) {
  if (p.columns() <= 32) return run<T, 32, row_bytes, strided, split>(p, out, in, weights, bias);
  if constexpr (!split)  // whose registers hold no 128
    if (p.columns() > 64 && !is_better_narrow(p)) return run<T, 128, row_bytes, strided, split>(p, out, in, weights, bias);
  return run<T, 64, row_bytes, strided, split>(p, out, in, weights, bias);
}

template <class T, bool split = false>
bool run_chunk(const TapProduct& p, const View& out, const View& in, const WeightMatrix& weights, const View* bias) {
  for (size_t axis : {0, 1})
    if (p.step[axis] != 1 && (p.step[axis] != 2 || p.tap_step[axis] != 1)) return false;
  if (!device_is_hopper()) return false;
  if (p.step != TapProduct::Pair{1, 1})
    return (split || p.in_channels * static_cast<int64_t>(sizeof(T)) > 64) && run_columns<T, 128, true, split>(p, out, in, weights, bias);
  if (tile_row_bytes(p, sizeof(T)) == 64) return run_columns<T, 64, false, split>(p, out, in, weights, bias);
  return run_columns<T, 128, false, split>(p, out, in, weights, bias);
}

}  // namespace

bool hopper_product_by_tiles(const TapProduct& p, const View& out, const View& in, const WeightMatrix& weights,
                             const View* bias) {
  if (in.dtype == kFloat32) return run_chunk<float>(p, out, in, weights, bias);
  return run_chunk<BFloat16>(p, out, in, weights, bias);
}

bool hopper_split_product(const TapProduct& p, const View& out, const View& in, const WeightMatrix& weights, const View* bias) {
  return run_chunk<float, /*split=*/true>(p, out, in, weights, bias);
}

}  // namespace tessera::kernels::cuda
