// What the two product kernels for Hopper share: how a product (tap_product.h) is summed. For .cu files.
#pragma once

#include "kernels/conv2d/cuda_output.h"
#include "kernels/conv2d/cuda_tensor_core.h"
#include "kernels/cuda/tensor_map.h"

namespace tessera::kernels::cuda {

// The taps that some columns need: rows [y, end_y) and columns [x, end_x) of them; end >= first.
struct TapRange {
  int y, x, end_y, end_x;
  __device__ int columns() const { return end_x - x; }
  __device__ int count() const { return (end_y - y) * columns(); }
};

// The sum's steps and where their operands lie.
struct SumPlan {
  int images, grid_y, grid_x, step_y, step_x, lowest_y, lowest_x;
  int taps_y, taps_x, tap_step_y, tap_step_x, kernel_y, kernel_x, lead_y, lead_x, phases_y, phases_x;
  int chunks;  // of the input's channels
  int column_tiles;

  // The taps that a tile of the columns [begin, end) needs: the largest of its phases has the lowest, the smallest the highest.
  __device__ TapRange taps_of(int begin, int end, const OutputPlan& out) const {
    const int last = min(end, out.columns) - 1, y = begin / out.run, last_y = last / out.run;
    const bool one_row = y == last_y;
    const int x = one_row ? begin % out.run / out.channels : 0, last_x = one_row ? last % out.run / out.channels : phases_x - 1;
    const auto first = [](int phase, int phases, int lead) { return (max(lead - phase, 0) + phases - 1) / phases; };
    TapRange taps{first(last_y, phases_y, lead_y), first(last_x, phases_x, lead_x), 0, 0};
    taps.end_y = max(taps.y, first(y, phases_y, kernel_y + lead_y));
    taps.end_x = max(taps.x, first(x, phases_x, kernel_x + lead_x));
    return taps;
  }
  // A tap's distance from the lowest one.
  __device__ int offset_y(int a) const { return tap_step_y < 0 ? (taps_y - 1 - a) * -tap_step_y : a * tap_step_y; }
  __device__ int offset_x(int a) const { return tap_step_x < 0 ? (taps_x - 1 - a) * -tap_step_x : a * tap_step_x; }
};

inline SumPlan sum_plan(const TapProduct& p, int64_t channels_a_step, int64_t columns_a_tile) {
  const auto narrow = [](int64_t value) { return static_cast<int>(value); };
  return {narrow(p.images),
          narrow(p.grid[0]),
          narrow(p.grid[1]),
          narrow(p.step[0]),
          narrow(p.step[1]),
          narrow(p.lowest(0)),
          narrow(p.lowest(1)),
          narrow(p.taps[0]),
          narrow(p.taps[1]),
          narrow(p.tap_step[0]),
          narrow(p.tap_step[1]),
          narrow(p.kernel[0]),
          narrow(p.kernel[1]),
          narrow(p.lead[0]),
          narrow(p.lead[1]),
          narrow(p.phases[0]),
          narrow(p.phases[1]),
          narrow(div_up(p.in_channels, channels_a_step)),
          narrow(div_up(p.columns(), columns_a_tile))};
}

// Whether a kernel was compiled for sm_90a; elsewhere it is empty, which shows in its registers.
template <class Kernel> bool is_compiled(Kernel* kernel) {
  cudaFuncAttributes attributes;
  check(cudaFuncGetAttributes(&attributes, kernel), "kernel attributes");
  return attributes.numRegs > 24;
}

// The tensor map of the weights: boxes of [1 tap][tile_columns][chunk]. Split weights have whole chunks, and their rests count as more
// taps.
inline CUtensorMap weights_tensor_map(const TapProduct& p, const WeightMatrix& weights, ScalarType type, int chunk,
                                      int tile_columns, bool split = false) {
  return tiled_tensor_map(weights.data, type,
                          {split ? weights.column_stride : p.in_channels, p.columns(), p.taps[0] * p.taps[1] * (split ? 2 : 1)},
                          {weights.column_stride, weights.tap_stride}, {chunk, tile_columns, 1}, TmaRounding::ToTf32);
}

// The output as the copy engine writes it: 8 x 8 positions times some columns, a "box". The rows of one phase are a tensor of
// their own, whose strides are those of whole blocks of pixels; columns [map * unit, (map + 1) * unit) belong to map `map`. What
// a box has beyond the picture the engine leaves out.
struct BoxOutput {
  static constexpr int kMaps = 4;
  CUtensorMap maps[kMaps];
  int count;
  int unit;  // 0: the engine cannot write this output
};

// For boxes of `columns` columns.
inline BoxOutput box_output(const TapProduct& p, const View& out, int64_t columns) {
  BoxOutput result{};
  const int64_t maps = p.phases[0], bytes = static_cast<int64_t>(element_size(out.dtype)), aligned = 16 / bytes;
  const int64_t stride_y = output_plan(p, out, nullptr).stride_y, stride_n = p.images == 1 ? stride_y * p.out[0] : out.strides[0];
  const bool whole_blocks = p.shift == TapProduct::Pair{0, 0} && p.out[1] % p.phases[1] == 0 && p.out[0] >= maps;
  if (!whole_blocks || maps > BoxOutput::kMaps || (maps > 1 && p.run() % columns != 0)) return result;
  if (!is_aligned(out.data) || p.channels % aligned != 0 || stride_y % aligned != 0 || stride_n % aligned != 0) return result;
  for (int64_t phase = 0; phase < maps; ++phase)
    result.maps[phase] = tiled_tensor_map(static_cast<unsigned char*>(out.data) + phase * stride_y * bytes, out.dtype,
                                          {p.run(), p.out[1] / p.phases[1], div_up(p.out[0] - phase, maps), p.images},
                                          {p.run(), maps * stride_y, stride_n}, {columns, 8, 8, 1});
  result.count = static_cast<int>(maps), result.unit = static_cast<int>(p.run());
  return result;
}

}  // namespace tessera::kernels::cuda
