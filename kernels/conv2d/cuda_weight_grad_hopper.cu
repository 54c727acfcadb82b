// The weight gradient in bfloat16 on Hopper: wgmma fed by the copy engine, for 3x3 kernels with stride 1, and 3x3 and 4x4 kernels
// with stride 2.
//
// A block computes 64 output channels x `chunk` input channels x several taps, over a part of the pixels. Per step the copy
// engine brings a rectangle of grad_out's pixels and the rectangle of the input around it, one pixel a row of 128 (64) bytes;
// outside of the pictures, and beyond the last channel, it brings zeros. Rows are the K of the product, and a tap is nothing but
// another first row of the input: all taps read one copy. With stride 1 a step of 128 pixels loads 39 KiB for 4.7 million
// multiply-adds.
//
// With stride 2 the input is four planes, of which a block loads two (cuda_weight_grad_planes.h, blockIdx.z).
//
// A warpgroup computes one row of the kernel in one plane, its columns side by side as N = taps_x * chunk: each begins a pixel,
// that is a row (`dilation` rows), further on. A single warp more starts the copies. The parts meet as cuda_weight_grad.h says.
#include "kernels/conv2d/cuda_paths.h"
#include "kernels/conv2d/cuda_weight_grad.h"
#include "kernels/conv2d/cuda_weight_grad_planes.h"
#include "kernels/conv2d/sum_parts.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/memory.h"
#include "kernels/cuda/pack.h"
#include "kernels/cuda/tma.h"
#include "kernels/cuda/wgmma.h"

namespace tessera::kernels::cuda {
namespace {

constexpr int kChunkM = 64, kStages = 4;
constexpr int kGradRow = kChunkM * 2;  // bytes of a pixel of grad_out
constexpr int kStageLimit = 54 * 1024;

template <int stride> struct Taps : PlaneTaps<stride> { static constexpr int kBlock = PlaneTaps<stride>::kConsumers + kWarp; };

struct Maps {
  CUtensorMap grad, input[4];  // planes: 2 * row parity + column parity
};

// The rectangles of a step, and the block's share of them.
struct Plan {
  int rows, columns, window_rows, window_columns;  // of pixels
  int dilation_y, dilation_x;
  int tiles_y, tiles_x, steps, part_steps;
  int tiles_m, m, n, channels, kernel_y, kernel_x;
  int grad_bytes, window_bytes, stage_bytes;       // window_bytes: up to the next window
  bool eights;                                     // 8 columns: the 16 pixels of a product lie in two rows
  PlaneAxes axes;
};

template <int stride, int chunk>
__global__ __launch_bounds__(Taps<stride>::kBlock, 1) void weight_grad_kernel(const __grid_constant__ Maps maps,
                                                                              const __grid_constant__ Plan plan, float* parts) {
#if TESSERA_HOPPER
  using Taps = Taps<stride>;
  extern __shared__ __align__(1024) unsigned char ring[];
  __shared__ Mbarrier full[kStages], empty[kStages];
  constexpr int kInputRow = chunk * 2;
  const int m0 = blockIdx.x % plan.tiles_m * kChunkM, channel0 = blockIdx.x / plan.tiles_m * chunk;
  const int first = blockIdx.y * plan.part_steps, end = min(first + plan.part_steps, plan.steps);
  const PlaneAxis axis_y = plan.axes.y[blockIdx.z];
  if (threadIdx.x == 0) {
    for (int s = 0; s < kStages; ++s) mbarrier_init(&full[s], 1), mbarrier_init(&empty[s], Taps::kGroups);
    fence_mbarrier_init();
  }
  __syncthreads();
  wait_for_kernel_before();

  RingPosition<kStages> at;
  if (threadIdx.x >= Taps::kConsumers) {  // the producer
    if (threadIdx.x > Taps::kConsumers) return;
    const int bytes = plan.grad_bytes + Taps::kPlanes * plan.window_rows * plan.window_columns * kInputRow;
    for (int step = first; step < end; ++step, at.next()) {
      const int rest = step / plan.tiles_x, x = step % plan.tiles_x * plan.columns;
      const int picture = rest / plan.tiles_y, y = rest % plan.tiles_y * plan.rows;
      unsigned char* const stage = ring + at.stage * plan.stage_bytes;
      mbarrier_wait(&empty[at.stage], at.parity ^ 1);
      mbarrier_arrive_and_expect(&full[at.stage], bytes);
      tma_load_4d(stage, maps.grad, &full[at.stage], m0, x, y, picture);
#pragma unroll
      for (int plane = 0; plane < Taps::kPlanes; ++plane)
        tma_load_4d(stage + plan.grad_bytes + plane * plan.window_bytes, maps.input[2 * blockIdx.z + plane], &full[at.stage],
                    channel0, x + plan.axes.x[plane].origin, y + axis_y.origin, picture);
    }
    return;
  }

  const int group = threadIdx.x / 128, plane = group / Taps::kY, tap_y = group % Taps::kY, thread = threadIdx.x % 128;
  constexpr int kSums = Taps::kX * chunk / 2;
  float sums[kSums];
#pragma unroll
  for (int i = 0; i < kSums; ++i) sums[i] = 0;
  const int input_group = plan.eights ? plan.window_columns * kInputRow : 8 * kInputRow;
  const int window_at = plan.grad_bytes + plane * plan.window_bytes + tap_y * plan.dilation_y * plan.window_columns * kInputRow;
  const int rows_at_once = plan.eights ? 2 : 1;
  const int next_row = (rows_at_once * plan.window_columns - (plan.eights ? 16 : plan.columns)) * kInputRow / 16;
  int released = -1;  // the stage whose products may still run
  for (int step = first; step < end; ++step, at.next()) {
    unsigned char* const stage = ring + at.stage * plan.stage_bytes;
    mbarrier_wait(&full[at.stage], at.parity);
    wgmma_fence();
    uint64_t a = wgmma_descriptor(stage, kGradRow, 8 * kGradRow);
    uint64_t b = wgmma_descriptor(stage + window_at, kInputRow, input_group, plan.dilation_x * kInputRow);
#pragma unroll 1
    for (int y = plan.rows; y > 0; y -= rows_at_once, b += next_row)
#pragma unroll 1
      for (int x = plan.columns; x > 0; x -= 16, a += kGradRow, b += kInputRow)  // descriptors count 16 bytes
        wgmma<BFloat16, Taps::kX * chunk, true, true>(sums, a, b, true);
    wgmma_commit();
    wgmma_wait<1>();
    if (released >= 0 && thread == 0) mbarrier_arrive(&empty[released]);
    released = at.stage;
  }
  wgmma_wait<0>();

  const int ky = axis_y.tap + stride * tap_y, lane = thread % kWarp;
  if (ky >= plan.kernel_y) return;
  float* const part = parts + int64_t{blockIdx.y} * plan.m * plan.n + ky * plan.kernel_x * plan.channels;
#pragma unroll
  for (int i = 0; i < kSums; i += 2) {
    const int m = m0 + thread / kWarp * 16 + lane / 4 + i / 2 % 2 * 8;
    const int column = i / 4 * 8 + lane % 4 * 2, kx = plan.axes.x[plane].tap + stride * (column / chunk);
    const int channel = channel0 + column % chunk;
    if (m >= plan.m || channel >= plan.channels || kx >= plan.kernel_x) continue;  // channels are a multiple of 8
    Pack<float, 2> pair;
    pair[0] = sums[i], pair[1] = sums[i + 1];
    store_pack(part + int64_t{m} * plan.n + kx * plan.channels + channel, pair);
  }
#endif
}

// The rectangle of pixels that covers the picture at the least cost: products, the bytes they need, and a fixed cost a step.
// Returns the clocks of a step; 0 if none fits.
template <int stride, int chunk> double choose_rectangle(Plan& plan, int64_t height, int64_t width) {
  constexpr double clocks_a_pixel = Taps<stride>::kGroups * Taps<stride>::kX * chunk / 32.0;
  double best = 0, best_step = 0;
  for (int columns : {8, 16, 32, 64})
    for (int rows = 1; rows <= 16; ++rows) {
      if (rows * columns % 16 != 0) continue;
      const int window_rows = rows + (Taps<stride>::kY - 1) * plan.dilation_y;
      const int window_columns = columns + (Taps<stride>::kX - 1) * plan.dilation_x;
      const int grad_bytes = rows * columns * kGradRow, input_bytes = window_rows * window_columns * chunk * 2;
      const int window_bytes = static_cast<int>(div_up(input_bytes, 1024)) * 1024;
      const int stage_bytes = grad_bytes + Taps<stride>::kPlanes * window_bytes;
      if (stage_bytes > kStageLimit) continue;
      const int64_t tiles_y = div_up(height, rows), tiles_x = div_up(width, columns);
      const double load_clocks = (grad_bytes + Taps<stride>::kPlanes * input_bytes) / 28.0;
      const double step = std::max(rows * columns * clocks_a_pixel, load_clocks) + 60;
      const double clocks = static_cast<double>(tiles_y * tiles_x) * (step + 0.1 * load_clocks);
      if (best_step != 0 && clocks >= best) continue;
      best = clocks, best_step = step;
      plan.rows = rows, plan.columns = columns, plan.window_rows = window_rows, plan.window_columns = window_columns;
      plan.tiles_y = static_cast<int>(tiles_y), plan.tiles_x = static_cast<int>(tiles_x);
      plan.grad_bytes = grad_bytes, plan.window_bytes = window_bytes, plan.stage_bytes = stage_bytes, plan.eights = columns == 8;
    }
  return best_step;
}

template <int stride, int chunk>
bool run(const View& grad_weight, const View& input, const View& grad_out, const WeightGradProblem& p, Plan plan) {
  const auto kernel = weight_grad_kernel<stride, chunk>;
  static const bool compiled = [&] {  // not for sm_90a: an empty kernel
    cudaFuncAttributes attributes;
    check(cudaFuncGetAttributes(&attributes, kernel), "kernel attributes");
    return attributes.numRegs > 32;
  }();
  const double step_clocks = choose_rectangle<stride, chunk>(plan, grad_out.sizes[2], grad_out.sizes[3]);
  if (!compiled || step_clocks == 0) return false;
  plan.steps = static_cast<int>(grad_out.sizes[0] * plan.tiles_y * plan.tiles_x);
  const int64_t tiles = plan.tiles_m * div_up(plan.channels, chunk);
  const int parts = parts_of_sum(tiles * stride, plan.steps, int64_t{p.m} * p.n, multiprocessors(), step_clocks / 1600);
  plan.part_steps = static_cast<int>(div_up(plan.steps, parts));
  Maps maps{plane_map(grad_out, 1, 0, 0, kChunkM, plan.rows, plan.columns), {}};
  for (int plane = 0; plane < stride * stride; ++plane)
    maps.input[plane] = plane_map(input, stride, plane / 2, plane % 2, chunk, plan.window_rows, plan.window_columns);
  const DeviceScratch<float> scratch(int64_t{parts} * p.m * p.n);
  launch("weight_grad_hopper", kernel, dim3(static_cast<unsigned>(tiles), parts, stride), Taps<stride>::kBlock,
         kStages * plan.stage_bytes, maps, plan, scratch.data());
  add_weight_grad_parts(grad_weight, scratch.data(), parts, p);
  return true;
}

}  // namespace

bool hopper_weight_grad(const View& grad_weight, const View& input, const View& grad_out, const Conv2dParams& params,
                        const WeightGradProblem& p) {
  if (input.dtype != kBFloat16 || p.groups != 1 || p.pixels == 0 || !device_is_hopper()) return false;
  // Strides and addresses in multiples of 16 bytes, channels adjacent.
  const int64_t channels = grad_weight.sizes[1], m = grad_weight.sizes[0], ky = grad_weight.sizes[2], kx = grad_weight.sizes[3];
  if (p.input_vector < 8 || p.grad_vector < 8 || channels % 8 != 0) return false;
  if (input.strides[1] != 1 || grad_out.strides[1] != 1) return false;
  // At least two fifths of the tiles' rows and two thirds of their columns are used.
  const int chunk = channels <= 32 ? 32 : 64;
  if (5 * m < 2 * kChunkM * div_up(m, kChunkM) || 3 * channels < 2 * chunk * div_up(channels, chunk)) return false;
  if (!has_planes(params, grad_weight, input) || params.dilation[0] > 8 || params.dilation[1] > 8) return false;

  Plan plan{};
  const auto narrow = [](int64_t value) { return static_cast<int>(value); };
  plan.dilation_y = narrow(params.dilation[0]), plan.dilation_x = narrow(params.dilation[1]);
  plan.tiles_m = narrow(div_up(m, kChunkM)), plan.m = narrow(m), plan.n = p.n, plan.channels = narrow(channels);
  plan.kernel_y = narrow(ky), plan.kernel_x = narrow(kx);
  plan.axes = plane_axes(params);
  const auto run_one = params.stride[0] == 1 ? (chunk == 32 ? run<1, 32> : run<1, 64>) : (chunk == 32 ? run<2, 32> : run<2, 64>);
  return run_one(grad_weight, input, grad_out, p, plan);
}

}  // namespace tessera::kernels::cuda
