// The weight gradient of 3x3 convolutions with stride 1 in bfloat16 on Hopper: wgmma fed by the copy engine.
//
// A block computes 64 output channels x `chunk` input channels x all nine taps, over a part of the pixels. Per step the copy engine
// brings a rectangle of grad_out's pixels and the rectangle of the input around it, one pixel a row of 128 (64) bytes; outside of the
// pictures, and beyond the last channel, it brings zeros. Rows are the K of the product, and a tap is nothing but another first row
// of the input: all taps read one copy. So a step of 128 pixels loads 39 KiB for 9.4 million multiply-adds and more.
//
// Warpgroup w of three computes row w of the kernel, its three columns side by side as N = 3 * chunk: column kx begins kx pixels, that
// is kx rows, further on. A fourth, single warp starts the copies. The parts meet as cuda_weight_grad.h says.
#include "kernels/conv2d/cuda_paths.h"
#include "kernels/conv2d/cuda_weight_grad.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/memory.h"
#include "kernels/cuda/tma.h"
#include "kernels/cuda/wgmma.h"

namespace tessera::kernels::cuda {
namespace {

constexpr int kTaps = 3, kChunkM = 64, kStages = 4, kConsumers = kTaps * 128, kBlock = kConsumers + kWarp;
constexpr int kGradRow = kChunkM * 2;       // bytes of a pixel of grad_out
constexpr int kStageLimit = 54 * 1024;

// The rectangles of a step, and the block's share of them.
struct Plan {
  int rows, columns, halo_rows, halo_columns;  // of pixels; halo: rows + 2 * dilation
  int padding_y, padding_x, dilation_y, dilation_x;
  int tiles_y, tiles_x, steps, part_steps;
  int tiles_m, m, n, channels;
  int grad_bytes, stage_bytes;
  bool eights;  // 8 columns: the 16 pixels of a product lie in two rows
};

template <int chunk>
__global__ __launch_bounds__(kBlock, 1) void weight_grad_kernel(const __grid_constant__ CUtensorMap grad_map,
                                                                const __grid_constant__ CUtensorMap input_map, const Plan plan,
                                                                float* parts) {
#if TESSERA_HOPPER
  extern __shared__ __align__(1024) unsigned char ring[];
  __shared__ Mbarrier full[kStages], empty[kStages];
  constexpr int kInputRow = chunk * 2;
  const int m0 = blockIdx.x % plan.tiles_m * kChunkM, channel0 = blockIdx.x / plan.tiles_m * chunk;
  const int first = blockIdx.y * plan.part_steps, end = min(first + plan.part_steps, plan.steps);
  if (threadIdx.x == 0) {
    for (int s = 0; s < kStages; ++s) mbarrier_init(&full[s], 1), mbarrier_init(&empty[s], kTaps);
    fence_mbarrier_init();
  }
  __syncthreads();

  RingPosition<kStages> at;
  if (threadIdx.x >= kConsumers) {  // the producer
    if (threadIdx.x > kConsumers) return;
    const int bytes = plan.grad_bytes + plan.halo_rows * plan.halo_columns * kInputRow;
    for (int step = first; step < end; ++step, at.next()) {
      const int rest = step / plan.tiles_x, x = step % plan.tiles_x * plan.columns;
      const int picture = rest / plan.tiles_y, y = rest % plan.tiles_y * plan.rows;
      unsigned char* const stage = ring + at.stage * plan.stage_bytes;
      mbarrier_wait(&empty[at.stage], at.parity ^ 1);
      mbarrier_arrive_and_expect(&full[at.stage], bytes);
      tma_load_4d(stage, grad_map, &full[at.stage], m0, x, y, picture);
      tma_load_4d(stage + plan.grad_bytes, input_map, &full[at.stage], channel0, x - plan.padding_x, y - plan.padding_y, picture);
    }
    return;
  }

  const int ky = threadIdx.x / 128, thread = threadIdx.x % 128;
  float sums[kTaps * chunk / 2];
#pragma unroll
  for (int i = 0; i < kTaps * chunk / 2; ++i) sums[i] = 0;
  const int input_group = plan.eights ? plan.halo_columns * kInputRow : 8 * kInputRow;
  const int window_at = plan.grad_bytes + ky * plan.dilation_y * plan.halo_columns * kInputRow;
  const int rows_at_once = plan.eights ? 2 : 1;
  const int next_row = (rows_at_once * plan.halo_columns - (plan.eights ? 16 : plan.columns)) * kInputRow / 16;
  int released = -1;  // the stage whose products may still run
  for (int step = first; step < end; ++step, at.next()) {
    unsigned char* const stage = ring + at.stage * plan.stage_bytes;
    const unsigned char* const window = stage + window_at;
    mbarrier_wait(&full[at.stage], at.parity);
    wgmma_fence();
    uint64_t a = wgmma_descriptor(stage, kGradRow, 8 * kGradRow);
    uint64_t b = wgmma_descriptor(window, kInputRow, input_group, plan.dilation_x * kInputRow);
#pragma unroll 1
    for (int y = plan.rows; y > 0; y -= rows_at_once, b += next_row)
#pragma unroll 1
      for (int x = plan.columns; x > 0; x -= 16, a += kGradRow, b += kInputRow)  // descriptors count 16 bytes
        wgmma<BFloat16, kTaps * chunk, true, true>(sums, a, b, true);
    wgmma_commit();
    wgmma_wait<1>();
    if (released >= 0 && thread == 0) mbarrier_arrive(&empty[released]);
    released = at.stage;
  }
  wgmma_wait<0>();

  float* const part = parts + int64_t{blockIdx.y} * plan.m * plan.n;
  const int lane = thread % kWarp;
#pragma unroll
  for (int i = 0; i < kTaps * chunk / 2; ++i) {
    const int m = m0 + thread / kWarp * 16 + lane / 4 + i / 2 % 2 * 8;
    const int column = i / 4 * 8 + lane % 4 * 2 + i % 2, kx = column / chunk, channel = channel0 + column % chunk;
    if (m < plan.m && channel < plan.channels) part[int64_t{m} * plan.n + (ky * kTaps + kx) * plan.channels + channel] = sums[i];
  }
#endif
}

// The rectangle of pixels that covers the picture at the least cost: products of 16 pixels, the bytes they need, and a fixed cost
// a step.
void choose_rectangle(Plan& plan, int64_t height, int64_t width, int chunk) {
  double best = 0;
  plan.rows = 0;
  for (int columns : {8, 16, 32, 64})
    for (int rows = 1; rows <= 16; ++rows) {
      if (rows * columns % 16 != 0) continue;
      const int halo_rows = rows + 2 * plan.dilation_y, halo_columns = columns + 2 * plan.dilation_x;
      const int grad_bytes = rows * columns * kGradRow, input_bytes = halo_rows * halo_columns * chunk * 2;
      const int stage_bytes = grad_bytes + static_cast<int>(div_up(input_bytes, 1024)) * 1024;
      if (stage_bytes > kStageLimit) continue;
      const int64_t tiles_y = div_up(height, rows), tiles_x = div_up(width, columns);
      const double product_clocks = rows * columns * (chunk == 64 ? 18 : 10), load_clocks = (grad_bytes + input_bytes) / 28.0;
      const double clocks = static_cast<double>(tiles_y * tiles_x) * (std::max(product_clocks, load_clocks) + 0.1 * load_clocks + 60);
      if (plan.rows != 0 && clocks >= best) continue;
      best = clocks;
      plan.rows = rows, plan.columns = columns, plan.halo_rows = halo_rows, plan.halo_columns = halo_columns;
      plan.tiles_y = static_cast<int>(tiles_y), plan.tiles_x = static_cast<int>(tiles_x);
      plan.grad_bytes = grad_bytes, plan.stage_bytes = stage_bytes, plan.eights = columns == 8;
    }
}

CUtensorMap map_of(const View& v, int chunk, int rows, int columns) {
  return tiled_tensor_map(v.data, v.dtype, {v.sizes[1], v.sizes[3], v.sizes[2], v.sizes[0]},
                          {v.strides[3], v.strides[2], v.strides[0]}, {chunk, columns, rows, 1});
}

template <int chunk>
bool run(const View& grad_weight, const View& input, const View& grad_out, const WeightGradProblem& p, Plan plan) {
  static const bool compiled = [] {  // not for sm_90a: an empty kernel
    cudaFuncAttributes attributes;
    check(cudaFuncGetAttributes(&attributes, weight_grad_kernel<chunk>), "kernel attributes");
    return attributes.numRegs > 32;
  }();
  if (!compiled) return false;
  choose_rectangle(plan, grad_out.sizes[2], grad_out.sizes[3], chunk);
  if (plan.rows == 0) return false;
  plan.steps = static_cast<int>(grad_out.sizes[0] * plan.tiles_y * plan.tiles_x);
  const int64_t tiles = plan.tiles_m * div_up(plan.channels, chunk);
  const double step_us = (plan.rows * plan.columns * (chunk == 64 ? 18 : 10) + 60) / 1600.0;
  const int parts = weight_grad_parts(tiles, plan.steps, int64_t{p.m} * p.n, multiprocessors(), step_us);
  plan.part_steps = static_cast<int>(div_up(plan.steps, parts));
  const DeviceScratch<float> scratch(int64_t{parts} * p.m * p.n);
  launch("weight_grad_hopper", weight_grad_kernel<chunk>, dim3(static_cast<unsigned>(tiles), parts), kBlock,
         kStages * plan.stage_bytes, map_of(grad_out, kChunkM, plan.rows, plan.columns),
         map_of(input, chunk, plan.halo_rows, plan.halo_columns), plan, scratch.data());
  add_weight_grad_parts(grad_weight, scratch.data(), parts, p);
  return true;
}

}  // namespace

bool hopper_weight_grad(const View& grad_weight, const View& input, const View& grad_out, const Conv2dParams& params,
                        const WeightGradProblem& p) {
  const bool suits = input.dtype == kBFloat16 && params.groups == 1 && grad_weight.sizes[2] == kTaps &&
                     grad_weight.sizes[3] == kTaps && params.stride == std::array<int64_t, 2>{1, 1} && p.pixels > 0 &&
                     params.dilation[0] <= 8 && params.dilation[1] <= 8 && params.padding[0] < 128 && params.padding[1] < 128;
  // Strides and addresses in multiples of 16 bytes; and at least half of the rows and columns of the tiles are used.
  const int64_t channels = grad_weight.sizes[1], m = grad_weight.sizes[0];
  const int chunk = channels <= 32 ? 32 : 64;
  if (!suits || p.input_vector < 8 || p.grad_vector < 8 || !device_is_hopper()) return false;
  if (input.sizes[1] != channels || input.strides[1] != 1 || grad_out.strides[1] != 1) return false;
  if (5 * m < 2 * kChunkM * div_up(m, kChunkM) || 10 * channels < 7 * chunk * div_up(channels, chunk)) return false;
  Plan plan{};
  const auto narrow = [](int64_t value) { return static_cast<int>(value); };
  plan.padding_y = narrow(params.padding[0]), plan.padding_x = narrow(params.padding[1]);
  plan.dilation_y = narrow(params.dilation[0]), plan.dilation_x = narrow(params.dilation[1]);
  plan.tiles_m = narrow(div_up(m, kChunkM)), plan.m = narrow(m), plan.n = p.n, plan.channels = narrow(channels);
  if (chunk == 32) return run<32>(grad_weight, input, grad_out, p, plan);
  return run<64>(grad_weight, input, grad_out, p, plan);
}

}  // namespace tessera::kernels::cuda
