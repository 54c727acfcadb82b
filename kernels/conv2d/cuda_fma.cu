// Convolution's forward and input gradient in float32 on the CUDA cores, with the error of float32 arithmetic: the product of
// tap_product.h by the tiles of fma_tile.h.
//
// A block computes a tile of positions x columns (output channels), the narrower the fewer columns there are. The sum runs over
// the taps and, within a tap, over the input channels in steps of 16: a thread reads four adjacent channels of a few positions
// and of the packed weights of a few columns. Taps that no column of the tile has are left out. Where there are too few tiles for
// the device, the sum is cut into parts (blockIdx.y, cuda_output_parts.h). Traffic: each input pixel once a tap and column tile,
// mostly from the L2 cache.
#include "kernels/conv2d/cuda_channels_last.h"
#include "kernels/conv2d/cuda_output.h"
#include "kernels/conv2d/cuda_output_parts.h"
#include "kernels/conv2d/cuda_paths.h"
#include "kernels/conv2d/cuda_tensor_core.h"
#include "kernels/conv2d/sum_parts.h"
#include "kernels/cuda/fma_tile.h"

namespace tessera::kernels::cuda {
namespace {

struct InputPlan {
  const float* data;
  int64_t picture;  // strides
  int row, pixel;
  int height, width, channels;
  int images, positions, grid_y, grid_x;
  int first_y, first_x, step_y, step_x, tap_step_y, tap_step_x;
};
struct WeightPlan {
  const float* data;
  int64_t tap;  // stride
  int column;   // stride: the channels, padded to a multiple of 4
  int taps_x, phases_x, phases_y, kernel_y, kernel_x;
  int column_tiles;
  int part_groups;  // of four channels, of all taps, that a part of the sum has; a multiple of 4
};

// How many taps of a direction the phases from `phase` on have.
__device__ int taps_from(int phase, int phases, int kernel) { return (kernel - phase + phases - 1) / phases; }

// Four channels of a pixel, zeros beyond the last.
template <bool packs> __device__ Pack<float, 4> load_channels(const float* pixel, int channel, int channels) {
  if constexpr (packs) {
    return load_pack<4>(pixel + channel);
  } else {
    Pack<float, 4> result;
#pragma unroll
    for (int i = 0; i < 4; ++i) result[i] = channel + i < channels ? pixel[channel + i] : 0.0f;
    return result;
  }
}

template <int tile_m, int tile_n, bool packs>
__global__ __launch_bounds__(FmaTile<tile_m, tile_n>::kBlock, FmaTile<tile_m, tile_n>::kBlock == 128 ? 3 : 2)
void fma_product_kernel(const InputPlan in, const WeightPlan weights, const OutputPlan out) {
  wait_for_kernel_before();
  using Tile = FmaTile<tile_m, tile_n>;
  __shared__ typename Tile::Stages stages;
  const int row0 = blockIdx.x / weights.column_tiles * tile_m, column0 = blockIdx.x % weights.column_tiles * tile_n;

  // The taps of the tile's columns: all taps of the smallest phase among them.
  const int last = min(column0 + tile_n, out.columns) - 1, phase_y = column0 / out.run;
  const bool one_row = last / out.run == phase_y;
  const int phase_x = one_row ? column0 % out.run / out.channels : 0;
  const int taps_y = taps_from(phase_y, weights.phases_y, weights.kernel_y);
  const int taps_x = taps_from(phase_x, weights.phases_x, weights.kernel_x);
  const int groups = weights.column / 4;  // of four channels, in a tap
  const int first_group = blockIdx.y * weights.part_groups;
  const int all_groups = min(taps_y * taps_x * groups, first_group + weights.part_groups);

  struct Place {
    const float* picture;
    int y, x;
  };
  Place places[Tile::kPassesM];
#pragma unroll
  for (int pass = 0; pass < Tile::kPassesM; ++pass) {
    const int position = row0 + Tile::load_row(pass), rest = position / in.grid_x;
    places[pass] = {in.data + rest / in.grid_y * in.picture,
                    position < in.positions ? rest % in.grid_y * in.step_y + in.first_y : -(1 << 28),
                    position % in.grid_x * in.step_x + in.first_x};
  }
  // The thread's group of four channels: both operands walk through taps and channels in step.
  int at = first_group + threadIdx.x % 4, tap_y = at / groups / taps_x, tap_x = at / groups % taps_x, group = at % groups;
  const auto tap = [&] { return tap_y * weights.taps_x + tap_x; };
  const auto settle = [&] {
    while (group >= groups && tap_y < taps_y) {
      group -= groups;
      if (++tap_x == taps_x) tap_x = 0, ++tap_y;
    }
  };
  const auto load_a = [&](int, int pass) -> Pack<float, 4> {
    const Place& place = places[pass];
    const int y = place.y + tap_y * in.tap_step_y, x = place.x + tap_x * in.tap_step_x;
    if (at >= all_groups || static_cast<unsigned>(y) >= static_cast<unsigned>(in.height) ||
        static_cast<unsigned>(x) >= static_cast<unsigned>(in.width))
      return {};
    return load_channels<packs>(place.picture + y * in.row + x * in.pixel, group * 4, in.channels);
  };
  const auto load_b = [&](int, int pass) -> Pack<float, 4> {
    const int column = column0 + Tile::load_row(pass);
    Pack<float, 4> result{};
    if (at < all_groups && column < out.columns)  // what pads a row of the weights is not initialised
      result =
          load_channels<packs>(weights.data + tap() * weights.tap + int64_t{column} * weights.column, group * 4, in.channels);
    return result;
  };
  const auto next = [&] { at += 4, group += 4, settle(); };

  Tile product;
  product.product(stages, static_cast<int>(div_up(max(0, all_groups - first_group), 4)), load_a, load_b, next);

  ColumnPlace columns[8];
#pragma unroll
  for (int j = 0; j < 8; ++j) columns[j] = column_place<float>(out, column0 + Tile::column(j));
#pragma unroll
  for (int i = 0; i < 8; ++i) {
    const int position = row0 + Tile::row(i), rest = position / in.grid_x;
    if (position >= in.positions) continue;
    const RowPlace row = row_place(out, rest / in.grid_y + blockIdx.y * in.images, rest % in.grid_y, position % in.grid_x);
#pragma unroll
    for (int j = 0; j < 8; ++j)
      with_element<float>(out, row, columns[j], [&](float* to) { *to = product.sums[i][j] + columns[j].bias; });
  }
}

template <int tile_m, int tile_n, bool packs>
void launch_tiles(const TapProduct& p, const InputPlan& in, WeightPlan weights, const View& out, const View* bias) {
  const int64_t column_tiles = div_up(p.columns(), tile_n), row_tiles = div_up(p.positions(), tile_m);
  weights.column_tiles = static_cast<int>(column_tiles);
  constexpr int block = FmaTile<tile_m, tile_n>::kBlock, resident = block == 128 ? 3 : 2;
  constexpr double step_us = 2.0 * tile_m * tile_n * kFmaDepth * resident / 0.3e6;
  const int64_t steps = div_up(p.taps[0] * p.taps[1] * weights.column, kFmaDepth);
  const int64_t tiles = row_tiles * column_tiles, slots = int64_t{multiprocessors()} * resident;
  const int parts = tiles < slots ? parts_of_sum(tiles, steps, out.numel(), slots, step_us, kAddPartsUs) : 1;
  weights.part_groups = static_cast<int>(div_up(steps, parts)) * (kFmaDepth / 4);
  const dim3 grid(static_cast<unsigned>(tiles), parts);
  const auto start = [&](const OutputPlan& to) {
    launch("conv2d_fma", fma_product_kernel<tile_m, tile_n, packs>, grid, block, 0, in, weights, to);
  };
  if (parts == 1) return start(output_plan(p, out, bias));
  const OutputParts partial(out, parts);
  start(output_plan(p, partial.view(), nullptr));
  partial.add(out, bias);
}

template <bool packs>
void launch_by_width(const TapProduct& p, const InputPlan& in, const WeightPlan& weights, const View& out, const View* bias) {
  if (p.columns() <= 32) launch_tiles<256, 32, packs>(p, in, weights, out, bias);
  else if (p.columns() <= 64) launch_tiles<256, 64, packs>(p, in, weights, out, bias);
  else launch_tiles<128, 128, packs>(p, in, weights, out, bias);
}

bool is_small(int64_t value) { return value < (int64_t{1} << 28); }

bool run(const TapProduct& p, const View& out, const View& in, const View& weight, const View* bias) {
  const bool small = is_small(p.positions()) && is_small(p.columns()) && is_small(p.out[1] * p.channels);
  if (!small || out.numel() == 0 || in.numel() == 0) return false;
  const ChannelsLastOperand from(in);
  const View& v = from.view();
  if (!is_small(v.strides[2] * (v.sizes[2] + 1))) return false;
  std::optional<ChannelsLastScratch> scratch;
  if (!has_adjacent_pixels(out)) scratch.emplace(out);
  const View& to = scratch ? scratch->view() : out;
  const DeviceScratch<float> packed(packed_weight_elements(p, kFloat32));
  const WeightMatrix weights = pack_weights(packed.data(), p, weight);

  const auto narrow = [](int64_t value) { return static_cast<int>(value); };
  const InputPlan input{v.as<float>(), v.strides[0], narrow(v.strides[2]), narrow(v.strides[3]), narrow(v.sizes[2]),
                        narrow(v.sizes[3]), narrow(v.sizes[1]), narrow(p.images), narrow(p.positions()), narrow(p.grid[0]),
                        narrow(p.grid[1]), narrow(p.first[0]), narrow(p.first[1]), narrow(p.step[0]), narrow(p.step[1]),
                        narrow(p.tap_step[0]), narrow(p.tap_step[1])};
  const WeightPlan matrix{packed.data(),       weights.tap_stride,  narrow(weights.column_stride),
                          narrow(p.taps[1]),   narrow(p.phases[1]), narrow(p.phases[0]),
                          narrow(p.kernel[0]), narrow(p.kernel[1]), /*column_tiles=*/0,
                          /*part_groups=*/0};
  const bool packs = is_aligned(v.data) && (v.sizes[1] | v.strides[0] | v.strides[2] | v.strides[3]) % 4 == 0;
  (packs ? launch_by_width<true> : launch_by_width<false>)(p, input, matrix, to, bias);
  if (scratch) copy(out, to);
  return true;
}

}  // namespace

namespace cuda_cores {

bool conv2d_forward(const View& out, const View& input, const View& weight, const View* bias, const Conv2dParams& params) {
  if (out.dtype != kFloat32 || params.groups != 1) return false;
  return run(forward_product(out, input, weight, params), out, input, weight, bias);
}

bool conv2d_input_grad(const View& grad_input, const View& grad_out, const View& weight, const View* bias,
                       const Conv2dParams& params) {
  if (grad_input.dtype != kFloat32 || params.groups != 1 || !has_input_grad_product(params)) return false;
  return run(input_grad_product(grad_input, grad_out, weight, params), grad_input, grad_out, weight, bias);
}

}  // namespace cuda_cores
}  // namespace tessera::kernels::cuda
