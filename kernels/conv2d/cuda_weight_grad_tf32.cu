// The weight gradient in float32 on Hopper's tensor cores, for 3x3 kernels with stride 1 and 3x3 and 4x4 kernels with stride 2: as
// TensorFloat32, or at the highest precision (stride 1 only) as three products of it.
//
// The sum runs over pixels, and wgmma takes TF32 operands from shared memory only if neighbours in the sum are neighbours in
// memory. In a channels-last picture channels are. So the input is transposed on its way, into units of four pixels of one
// channel, and grad_out is read straight into registers, where each lane picks the elements that wgmma wants.
//
// A step is one row of 4 * quarter output pixels. The four pixels of a unit lie `quarter` apart: unit (s, channel) holds pixels s,
// quarter + s, 2 quarter + s and 3 quarter + s, for s from 0 on. So the unit of the pixels one to the right is the next one, and
// the taps of a kernel row, each beginning one s further on, lie side by side as N = taps_x * chunk columns of one product. Steps
// go down a strip of the picture, and a row of the input, transposed once, stays for all output rows that read it.
//
// A block computes 64 output channels x `chunk` input channels x the taps of one plane, or with stride 2 of two planes
// (cuda_weight_grad_planes.h, blockIdx.z), over a part of the steps. Each consumer warpgroup computes one row of the kernel in one
// plane. In the last warpgroup warp 0 starts the copies and the others transpose. With stride 1 and 64 x 64 channels a step of 32
// pixels loads 17 KiB for 1.2 million multiply-adds. The parts meet as cuda_weight_grad.h says.
//
// Highest precision: a float32 number is the nearest TF32 number plus a rest, which TF32 holds to 2^-22 of the number. Of the four
// products of two such sums rest * rest is left out, 2^-22 of the result at most. The tensor cores cut sums off where float32
// arithmetic rounds, so the sum of each step is added to the total in float32 arithmetic. Infinities become NaN: their rest is.
#include "kernels/conv2d/cuda_hopper.h"
#include "kernels/conv2d/cuda_weight_grad.h"
#include "kernels/conv2d/cuda_weight_grad_planes.h"
#include "kernels/conv2d/sum_parts.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/memory.h"
#include "kernels/cuda/mma.h"
#include "kernels/cuda/pack.h"
#include "kernels/cuda/tma.h"
#include "kernels/cuda/wgmma.h"

namespace tessera::kernels::cuda {
namespace {

constexpr int kTileM = 64, kTransposers = 3 * kWarp;
constexpr int kStages = 4, kRows = 8;           // copies of grad_out and of input rows; transposed input rows
constexpr int kLine = 128, kLineChannels = 32;  // bytes and channels of a pixel in a box of the copy engine

template <int stride_, int quarter_, int chunk_, bool split_> struct Shape : PlaneTaps<stride_> {
  static constexpr int kStride = stride_, kQuarter = quarter_, kChunk = chunk_;
  static constexpr bool kSplit = split_;
  using PlaneTaps<stride_>::kX, PlaneTaps<stride_>::kPlanes, PlaneTaps<stride_>::kConsumers;
  static constexpr int kBlock = kConsumers + 128;
  // Registers of a thread, in eights: at the start, of those that move data, and of consumers, which share what the others leave.
  static constexpr int kRegisters = 65536 / kBlock / 8 * 8, kMoverRegisters = 56;
  static constexpr int kConsumerRegisters = (kRegisters * kBlock - kMoverRegisters * 128) / kConsumers / 8 * 8;
  static constexpr int kPixels = 4 * kQuarter, kN = kX * kChunk;
  // grad_out: two boxes of 32 channels. The quarters of a box are kQuarter + 2 lines apart, which spreads the lines that the lanes
  // of a warp read over all banks.
  static constexpr int kQuarterBytes = (kQuarter + 2) * kLine, kGradBox = 4 * kQuarterBytes, kGrad = 2 * kGradBox;
  static constexpr int kGradBytes = kPixels * kTileM * 4;  // without the gaps
  // A row of the input as it comes: boxes of 32 channels of each plane.
  static constexpr int kInputColumns = kPixels + kX - 1;
  static constexpr int kInputBox = kInputColumns * kLine, kInputPlane = kChunk / kLineChannels * kInputBox;
  static constexpr int kInput = kPlanes * kInputPlane;
  // And transposed, [plane][s][group][channel][4 pixels], where `split` followed by the rests: a group of eight channels takes
  // 128 bytes of 144, which spreads the groups over the banks.
  static constexpr int kPositions = kQuarter + kX - 1;
  static constexpr int kGroup = 144, kPosition = kChunk / 8 * kGroup, kPlane = kPositions * kPosition;
  static constexpr int kRow = (kSplit ? 2 : 1) * kPlanes * kPlane;
  static constexpr int kShared = kRows * kRow + kStages * (kGrad + kInput);
  static_assert(kRows * kRow % 1024 == 0 && kGrad % 1024 == 0 && kQuarter % 4 == 0 && kShared <= 226 * 1024);
};

struct Maps {
  CUtensorMap grad, input[4];  // planes: 2 * row parity + column parity
};

// The block's share of the steps: step ((picture * strips) + strip) * height + y.
struct Plan {
  int strips, height, steps, part_steps;
  int tiles_m, m, n, channels, kernel_y, kernel_x;
  PlaneAxes axes;
};

// Walks through the steps of a block; a strip begins at the block's first step and at the top of a picture.
struct StepWalk {
  int step, end, y, height;
  __device__ StepWalk(const Plan& plan)
      : step(blockIdx.y * plan.part_steps),
        end(min(step + plan.part_steps, plan.steps)),
        y(step % plan.height),
        height(plan.height),
        first_(step) {}
  __device__ bool more() const { return step < end; }
  __device__ bool begins_strip() const { return step == first_ || y == 0; }
  __device__ bool ends_strip() const { return step + 1 == end || y + 1 == height; }
  __device__ void next() { ++step, y = y + 1 == height ? 0 : y + 1; }

 private:
  int first_;
};

// Where byte `at` of a swizzled box lies (tensor_map.h); offsets count from a multiple of 1024.
__device__ inline int swizzled(int at) { return at ^ (at >> 7 & 7) << 4; }

// A row of the input, [plane][pixel][channel] from byte `input` of shared memory on, to units of four pixels. A thread does four
// channels of a position at a time.
template <class S> __device__ inline void transpose_row(unsigned char* row, const unsigned char* shared, int input, int thread) {
  constexpr int kFours = S::kChunk / 4;
  for (int task = thread; task < S::kPlanes * S::kPositions * kFours; task += kTransposers) {
    const int four = task % kFours, position = task / kFours % S::kPositions, plane = task / kFours / S::kPositions;
    const int from = input + plane * S::kInputPlane + four / 8 * S::kInputBox + position * kLine + four % 8 * 16;
    Pack<float, 4> pixels[4];
#pragma unroll
    for (int q = 0; q < 4; ++q)
      pixels[q] = load_pack<4>(reinterpret_cast<const float*>(shared + swizzled(from + q * S::kQuarter * kLine)));
    unsigned char* to = row + plane * S::kPlane + position * S::kPosition + four / 2 * S::kGroup + four % 2 * 64;
#pragma unroll
    for (int c = 0; c < 4; ++c, to += 16) {
      Pack<uint32_t, 4> nearest, rest;
#pragma unroll
      for (int q = 0; q < 4; ++q) {
        if constexpr (S::kSplit)
          split_tf32(pixels[q][c], nearest[q], rest[q]);
        else
          nearest[q] = __float_as_uint(pixels[q][c]);  // the copy engine has rounded it
      }
      store_pack(reinterpret_cast<uint32_t*>(to), nearest);
      if constexpr (S::kSplit) store_pack(reinterpret_cast<uint32_t*>(to + S::kPlanes * S::kPlane), rest);
    }
  }
}

template <class S> __global__ __launch_bounds__(S::kBlock, 1) void weight_grad_kernel(const __grid_constant__ Maps maps,
                                                                                      const __grid_constant__ Plan plan,
                                                                                      float* parts) {
#if TESSERA_HOPPER
  extern __shared__ __align__(1024) unsigned char shared[];
  const auto row_at = [](int stage) { return stage * S::kRow; };
  const auto grad_at = [](int stage) { return kRows * S::kRow + stage * S::kGrad; };
  const auto input_at = [](int stage) { return kRows * S::kRow + kStages * S::kGrad + stage * S::kInput; };
  __shared__ Mbarrier grad_full[kStages], grad_empty[kStages], input_full[kStages], input_empty[kStages];
  __shared__ Mbarrier row_full[kRows], row_empty[kRows];
  constexpr int kConsumerWarps = S::kConsumers / kWarp, kTransposerWarps = kTransposers / kWarp;
  const int m0 = blockIdx.x % plan.tiles_m * kTileM, channel0 = blockIdx.x / plan.tiles_m * S::kChunk;
  const PlaneAxis axis_y = plan.axes.y[blockIdx.z];
  if (threadIdx.x == 0) {
    for (int s = 0; s < kStages; ++s) {
      mbarrier_init(&grad_full[s], 1), mbarrier_init(&grad_empty[s], kConsumerWarps);
      mbarrier_init(&input_full[s], 1), mbarrier_init(&input_empty[s], kTransposerWarps);
    }
    for (int r = 0; r < kRows; ++r) mbarrier_init(&row_full[r], kTransposerWarps), mbarrier_init(&row_empty[r], kConsumerWarps);
    fence_mbarrier_init();
  }
  __syncthreads();
  wait_for_kernel_before();

  const int warp = __shfl_sync(0xFFFFFFFF, threadIdx.x / kWarp, 0), lane = threadIdx.x % kWarp;
  RingPosition<kStages> grad, input;
  RingPosition<kRows> row;
  if (warp >= kConsumerWarps) {
    lower_registers<S::kMoverRegisters>();
    if (warp == kConsumerWarps) {
      if (lane != 0) return;
      for (StepWalk at(plan); at.more(); at.next(), grad.next()) {
        const int strip = at.step / plan.height, picture = strip / plan.strips, x = strip % plan.strips * S::kPixels;
        for (int tap = at.begins_strip() ? 0 : S::kY - 1; tap < S::kY; ++tap, input.next()) {
          mbarrier_wait(&input_empty[input.stage], input.parity ^ 1);
          mbarrier_arrive_and_expect(&input_full[input.stage], S::kInput);
          for (int plane = 0; plane < S::kPlanes; ++plane)
            for (int box = 0; box < S::kChunk / kLineChannels; ++box)
              tma_load_4d(shared + input_at(input.stage) + plane * S::kInputPlane + box * S::kInputBox,
                          maps.input[2 * blockIdx.z + plane], &input_full[input.stage], channel0 + box * kLineChannels,
                          x + plan.axes.x[plane].origin, at.y + tap + axis_y.origin, picture);
        }
        mbarrier_wait(&grad_empty[grad.stage], grad.parity ^ 1);
        mbarrier_arrive_and_expect(&grad_full[grad.stage], S::kGradBytes);
        for (int box = 0; box < kTileM / kLineChannels; ++box)
          for (int q = 0; q < 4; ++q)
            tma_load_4d(shared + grad_at(grad.stage) + box * S::kGradBox + q * S::kQuarterBytes, maps.grad,
                        &grad_full[grad.stage], m0 + box * kLineChannels, x + q * S::kQuarter, at.y, picture);
      }
      return;
    }
    const int thread = threadIdx.x - S::kConsumers - kWarp;
    for (StepWalk at(plan); at.more(); at.next())
      for (int tap = at.begins_strip() ? 0 : S::kY - 1; tap < S::kY; ++tap, input.next(), row.next()) {
        mbarrier_wait(&input_full[input.stage], input.parity);
        mbarrier_wait(&row_empty[row.stage], row.parity ^ 1);
        transpose_row<S>(shared + row_at(row.stage), shared, input_at(input.stage), thread);
        fence_shared_for_async();
        __syncwarp();
        if (lane == 0) mbarrier_arrive(&row_full[row.stage]), mbarrier_arrive(&input_empty[input.stage]);
      }
    return;
  }

  raise_registers<S::kConsumerRegisters>();
  const int plane = warp / 4 / S::kY, tap_y = warp / 4 % S::kY;
  const int m = warp % 4 * 16 + lane / 4 * 2;  // this lane's rows of the product are channels m and m + 1
  float sums[S::kN / 2], totals[S::kSplit ? S::kN / 2 : 1];
#pragma unroll
  for (int i = 0; i < S::kN / 2; ++i) sums[i] = 0;
  if constexpr (S::kSplit) {
#pragma unroll
    for (int i = 0; i < S::kN / 2; ++i) totals[i] = 0;
  }
  wgmma_pin(sums);
  const auto release_row = [&] {
    if (lane == 0) mbarrier_arrive(&row_empty[row.stage]);
    row.next();
  };
  const auto skip_rows = [&](int count) {  // which only other warpgroups read
    for (int i = 0; i < count; ++i) mbarrier_wait(&row_full[row.stage], row.parity), release_row();
  };
  for (StepWalk at(plan); at.more(); at.next(), grad.next()) {
    if (at.begins_strip()) skip_rows(tap_y);
    mbarrier_wait(&grad_full[grad.stage], grad.parity);
    uint32_t a[S::kQuarter / 2][4], rests[S::kQuarter / 2][4];
    const int from = grad_at(grad.stage) + m / kLineChannels * S::kGradBox + lane % 4 * S::kQuarterBytes + m % kLineChannels * 4;
#pragma unroll
    for (int s = 0; s < S::kQuarter; ++s) {
      const auto pair = load_pack<2>(reinterpret_cast<const float*>(shared + swizzled(from + s * kLine)));
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        if constexpr (S::kSplit)
          split_tf32(pair[i], a[s / 2][s % 2 * 2 + i], rests[s / 2][s % 2 * 2 + i]);
        else
          a[s / 2][s % 2 * 2 + i] = __float_as_uint(pair[i]);
      }
    }
    mbarrier_wait(&row_full[row.stage], row.parity);
    const uint64_t b = wgmma_descriptor(shared + row_at(row.stage) + plane * S::kPlane, 16, S::kGroup, S::kPosition);
    constexpr int kStep = 2 * S::kPosition / 16;  // two positions on; descriptors count 16 bytes
    wgmma_fence();
#pragma unroll
    for (int i = 0; S::kSplit && i < S::kQuarter / 2; ++i) {  // what is small first: little of it is cut off
      wgmma_tf32<S::kN>(sums, rests[i], b + i * kStep, i > 0);
      wgmma_tf32<S::kN>(sums, a[i], b + i * kStep + S::kPlanes * S::kPlane / 16, true);
    }
#pragma unroll
    for (int i = 0; i < S::kQuarter / 2; ++i) wgmma_tf32<S::kN>(sums, a[i], b + i * kStep, true);
    wgmma_commit();
    wgmma_wait<0>();
    // Not right after the loads: an arrival may overtake them (mbarrier.h).
    if (lane == 0) mbarrier_arrive(&grad_empty[grad.stage]);
    release_row();
    if constexpr (S::kSplit) {
      wgmma_pin(sums);
#pragma unroll
      for (int i = 0; i < S::kN / 2; ++i) totals[i] += sums[i];
      wgmma_pin(sums);
    }
    if (at.ends_strip()) skip_rows(S::kY - 1 - tap_y);
  }
  wgmma_pin(sums);

  const int ky = axis_y.tap + S::kStride * tap_y;
  if (ky >= plan.kernel_y) return;
  float* const part = parts + int64_t{blockIdx.y} * plan.m * plan.n + ky * plan.kernel_x * plan.channels;
#pragma unroll
  for (int i = 0; i < S::kN / 2; i += 2) {
    const int row_m = m0 + m + i / 2 % 2, column = i / 4 * 8 + lane % 4 * 2;
    const int kx = plan.axes.x[plane].tap + S::kStride * (column / S::kChunk), channel = channel0 + column % S::kChunk;
    if (row_m >= plan.m || channel >= plan.channels || kx >= plan.kernel_x) continue;  // channels are a multiple of 4
    Pack<float, 2> pair;
    if constexpr (S::kSplit)
      pair[0] = totals[i], pair[1] = totals[i + 1];
    else
      pair[0] = sums[i], pair[1] = sums[i + 1];
    store_pack(part + int64_t{row_m} * plan.n + kx * plan.channels + channel, pair);
  }
#endif
}

template <class S>
bool run(const View& grad_weight, const View& input, const View& grad_out, const WeightGradProblem& p, Plan plan) {
  const auto kernel = weight_grad_kernel<S>;
  static const bool compiled = is_compiled(kernel);
  if (!compiled) return false;
  plan.strips = static_cast<int>(div_up(grad_out.sizes[3], S::kPixels));
  plan.height = static_cast<int>(grad_out.sizes[2]);
  plan.steps = static_cast<int>(grad_out.sizes[0]) * plan.strips * plan.height;
  const int64_t tiles = plan.tiles_m * div_up(plan.channels, S::kChunk);
  const double products = double{S::kPixels} * S::kGroups * S::kN * kTileM * (S::kSplit ? 3 : 1);  // of a step
  const int parts = parts_of_sum(tiles * S::kStride, plan.steps, int64_t{p.m} * p.n, multiprocessors(), products / 1.2e6);
  plan.part_steps = static_cast<int>(div_up(plan.steps, parts));
  const TmaRounding rounding = S::kSplit ? TmaRounding::None : TmaRounding::ToTf32;
  Maps maps{plane_map(grad_out, 1, 0, 0, kLineChannels, 1, S::kQuarter, rounding), {}};
  for (int plane = 0; plane < S::kStride * S::kStride; ++plane)
    maps.input[plane] = plane_map(input, S::kStride, plane / 2, plane % 2, kLineChannels, 1, S::kInputColumns, rounding);
  const DeviceScratch<float> scratch(int64_t{parts} * p.m * p.n);
  launch("weight_grad_tf32", kernel, dim3(static_cast<unsigned>(tiles), parts, S::kStride), S::kBlock, S::kShared, maps, plan,
         scratch.data());
  add_weight_grad_parts(grad_weight, scratch.data(), parts, p);
  return true;
}

}  // namespace

bool hopper_weight_grad_float32(const View& grad_weight, const View& input, const View& grad_out, const Conv2dParams& params,
                                const WeightGradProblem& p) {
  if (input.dtype != kFloat32 || p.groups != 1 || p.pixels == 0 || !device_is_hopper()) return false;
  const bool split = params.precision == Float32Precision::Highest;
  const int64_t stride = params.stride[0], channels = grad_weight.sizes[1], m = grad_weight.sizes[0];
  if (!has_planes(params, grad_weight, input) || params.dilation[0] != 1 || params.dilation[1] != 1) return false;
  if (split && stride != 1) return false;
  // Strides and addresses in multiples of 16 bytes, channels adjacent.
  if (p.input_vector < 4 || p.grad_vector < 4 || channels % 4 != 0 || input.strides[1] != 1 || grad_out.strides[1] != 1)
    return false;
  // At least two fifths of the tiles' rows and two thirds of their columns are used.
  const int64_t chunk = channels <= 32 || split ? 32 : 64;
  if (5 * m < 2 * kTileM * div_up(m, kTileM) || 3 * channels < 2 * chunk * div_up(channels, chunk)) return false;

  Plan plan{};
  const auto narrow = [](int64_t value) { return static_cast<int>(value); };
  plan.tiles_m = narrow(div_up(m, kTileM)), plan.m = narrow(m), plan.n = p.n, plan.channels = narrow(channels);
  plan.kernel_y = narrow(grad_weight.sizes[2]), plan.kernel_x = narrow(grad_weight.sizes[3]);
  plan.axes = plane_axes(params);
  const auto with = [&]<class S>(S) { return run<S>(grad_weight, input, grad_out, p, plan); };
  if (stride == 2) return chunk == 32 ? with(Shape<2, 4, 32, false>()) : with(Shape<2, 4, 64, false>());  // registers allow no 8
  const auto run_quarter = [&]<int quarter>() {
    if (split) return with(Shape<1, quarter, 32, true>());
    return chunk == 32 ? with(Shape<1, quarter, 32, false>()) : with(Shape<1, quarter, 64, false>());
  };
  // Rows of 32 pixels, unless narrower ones waste less; those cost a quarter more a pixel.
  const int64_t width = grad_out.sizes[3];
  const bool narrow_rows = 5 * div_up(width, 16) * 16 < 4 * div_up(width, 32) * 32;
  return narrow_rows ? run_quarter.operator()<4>() : run_quarter.operator()<8>();
}

}  // namespace tessera::kernels::cuda
