// The product of tap_product.h on the tensor cores of compute capability 8.0 and later (mma.sync): any step,
// channels and strides.
//
// A block of 8 warps computes 128 positions times 64 columns, a warp 32 x 32 of them. The sum over (tap, channel) is one
// dimension k, taken 64 bytes at a time (32 bfloat16 or 16 float32). For each step the threads gather the positions' elements and
// the columns' weights into a stage of shared memory, two steps ahead of the products:
//   - channels by 16 bytes: cp.async, which also writes the zeros of the border;
//   - else (the 3 channels of a photograph, 12 or 21 classes): element by element through registers. Neighbouring lanes have
//     neighbouring k, so a warp reads adjacent channels and pixels.
// A thread gathers one and the same k for several positions, so it finds tap and channel once a step. In shared memory a row has
// 64 bytes, whose 16-byte units are exchanged by (unit ^ row / 2 % 4): the eight rows that ldmatrix reads lie in different banks.
//
// Traffic: a block reads 12 KiB a step; pixels are read once for each tap, from L1 and L2 mostly.
#include "kernels/conv2d/cuda_output.h"
#include "kernels/conv2d/cuda_tensor_core.h"
#include "kernels/cuda/memory.h"
#include "kernels/cuda/mma.h"

namespace tessera::kernels::cuda {

// Where element (position, k) of the gathered matrix lies.
struct GatherPlan {
  int positions, grid_y, grid_x, step_y, step_x, first_y, first_x, tap_step_y, tap_step_x, taps_x;
  int height, width, channels;
  int sum;  // k runs to here; rows of weights are padded with zeros to whole steps
  int64_t stride_n, stride_y, stride_x, stride_c;
  int64_t weight_pitch;
  int column_tiles;
};

namespace {

constexpr int kRows = 128, kColumns = 64, kRowBytes = 64, kStages = 3;
constexpr int kStageBytes = (kRows + kColumns) * kRowBytes;
static_assert(kThreads == 256);

struct RowSource {  // a position's pixel at tap offset 0; far outside of the picture for positions beyond the grid
  int64_t offset;
  int y, x;
};

__device__ inline unsigned char* unit_at(unsigned char* rows, int row, int unit) {
  return rows + row * kRowBytes + ((unit ^ row / 2 % 4) * 16);
}

// One k of the sum.
struct TapElement {
  int y, x;  // offset of the pixel
  int64_t offset;
  bool exists;
  __device__ TapElement(const GatherPlan& plan, int k) {
    const int tap = k / plan.channels, channel = k - tap * plan.channels, ay = tap / plan.taps_x;
    y = ay * plan.tap_step_y, x = (tap - ay * plan.taps_x) * plan.tap_step_x;
    offset = y * plan.stride_y + x * plan.stride_x + channel * plan.stride_c;
    exists = k < plan.sum;
  }
};

// Brings step `step` into `stage`: by copies in flight (by_units), or at once.
template <class T, bool by_units> __device__ inline void gather(unsigned char* stage, const GatherPlan& plan, const T* in,
                                                                const T* weights, const RowSource* rows, int step) {
  constexpr int kStep = kRowBytes / static_cast<int>(sizeof(T)), kUnit = kPackSize<T>;
  const auto source = [&](const TapElement& tap, int row) -> const T* {
    const RowSource from = rows[row];
    const bool inside = static_cast<unsigned>(from.y + tap.y) < static_cast<unsigned>(plan.height) &&
                        static_cast<unsigned>(from.x + tap.x) < static_cast<unsigned>(plan.width);
    return inside && tap.exists ? in + from.offset + tap.offset : nullptr;
  };
  if constexpr (by_units) {
    const int unit = threadIdx.x % 4;
    const TapElement tap(plan, step * kStep + unit * kUnit);
#pragma unroll
    for (int row = threadIdx.x / 4; row < kRows; row += kThreads / 4) {
      const T* from = source(tap, row);
      copy_async<16>(unit_at(stage, row, unit), from ? from : in, from != nullptr);
    }
  } else {
    const int k = threadIdx.x % kStep;
    const TapElement tap(plan, step * kStep + k);
    constexpr int kEach = kRows * kStep / kThreads;
    T values[kEach];
#pragma unroll
    for (int i = 0; i < kEach; ++i) {
      const T* from = source(tap, threadIdx.x / kStep + i * (kThreads / kStep));
      values[i] = from ? *from : T(0.0f);
    }
#pragma unroll
    for (int i = 0; i < kEach; ++i) {
      const int row = threadIdx.x / kStep + i * (kThreads / kStep);
      *(reinterpret_cast<T*>(unit_at(stage, row, k / kUnit)) + k % kUnit) = values[i];
    }
  }
  const int column = threadIdx.x / 4, unit = threadIdx.x % 4;
  copy_async<16>(unit_at(stage + kRows * kRowBytes, column, unit),
                 weights + column * plan.weight_pitch + step * kStep + unit * kUnit, true);
}

// float32 fragments are rounded to TF32.
template <class T> __device__ inline void round_fragment(uint32_t (&fragment)[4]) {
  if constexpr (std::is_same_v<T, float>)
    for (uint32_t& word : fragment) word = to_tf32(__uint_as_float(word));
}

template <class T, bool by_units> __global__ void __launch_bounds__(kThreads, 2)
    mma_product_kernel(const T* in, const T* weights, const __grid_constant__ GatherPlan plan,
                       const __grid_constant__ OutputPlan out) {
  wait_for_kernel_before();
  __shared__ __align__(128) unsigned char stages[std::max(kStages * kStageBytes, kRows * kStagedPitch<T, kColumns>)];
  __shared__ RowSource row_sources[kRows];
  __shared__ RowPlace row_places[kRows];
  __shared__ ColumnPlace column_places[kColumns];

  const int first_row = blockIdx.x / plan.column_tiles * kRows, first_column = blockIdx.x % plan.column_tiles * kColumns;
  if (threadIdx.x < kRows) {
    const int position = first_row + threadIdx.x, rest = position / plan.grid_x, i = position - rest * plan.grid_x;
    const int picture = rest / plan.grid_y, j = rest - picture * plan.grid_y;
    const int y = j * plan.step_y + plan.first_y, x = i * plan.step_x + plan.first_x;
    const bool exists = position < plan.positions;
    row_sources[threadIdx.x] = {picture * plan.stride_n + y * plan.stride_y + x * plan.stride_x, exists ? y : -(1 << 30), x};
    row_places[threadIdx.x] = exists ? row_place(out, picture, j, i) : no_row();
  }
  if (threadIdx.x < kColumns) column_places[threadIdx.x] = column_place<T>(out, first_column + threadIdx.x);
  weights += first_column * plan.weight_pitch;
  __syncthreads();

  constexpr int kStep = kRowBytes / static_cast<int>(sizeof(T));
  const int steps = (plan.sum + kStep - 1) / kStep;
  for (int s = 0; s < kStages - 1; ++s) {
    if (s < steps) gather<T, by_units>(stages + s * kStageBytes, plan, in, weights, row_sources, s);
    commit_copies();
  }
  const int warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp;
  const int row = warp % 4 * 32, column = warp / 4 * 32;  // of the warp's part
  float sums[2][4][4] = {};
  for (int s = 0; s < steps; ++s) {
    wait_copies<kStages - 2>();
    __syncthreads();  // step s is here, and nobody reads step s - 1 any more
    const int ahead = s + kStages - 1;
    if (ahead < steps) gather<T, by_units>(stages + ahead % kStages * kStageBytes, plan, in, weights, row_sources, ahead);
    commit_copies();
    unsigned char* rows = stages + s % kStages * kStageBytes;
    unsigned char* columns = rows + kRows * kRowBytes;
#pragma unroll
    for (int half = 0; half < 2; ++half) {  // 32 bytes of k: one mma
      uint32_t a[2][4], b[2][4];
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        // Rows 0-7 and 8-15 of the first 16 bytes, then of the second; of the columns first both halves of k.
        load_matrices(a[i], unit_at(rows, row + 16 * i + lane % 16, 2 * half + lane / 16));
        load_matrices(b[i], unit_at(columns, column + 16 * i + lane % 8 + lane / 16 * 8, 2 * half + lane / 8 % 2));
        round_fragment<T>(a[i]);
        round_fragment<T>(b[i]);
      }
#pragma unroll
      for (int i = 0; i < 2; ++i)
#pragma unroll
        for (int j = 0; j < 4; ++j) mma<T>(sums[i][j], a[i], b[j / 2][j % 2 * 2], b[j / 2][j % 2 * 2 + 1]);
    }
  }

  wait_copies<0>();
  __syncthreads();
#pragma unroll
  for (int i = 0; i < 2; ++i)
#pragma unroll
    for (int j = 0; j < 4; ++j)
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int at_row = row + 16 * i + 8 * half + lane / 4, at_column = column + 8 * j + lane % 4 * 2;
        Pack<float, 2> pair;
        pair[0] = sums[i][j][2 * half] + column_places[at_column].bias;
        pair[1] = sums[i][j][2 * half + 1] + column_places[at_column + 1].bias;
        store_pack(reinterpret_cast<T*>(stages + at_row * kStagedPitch<T, kColumns>) + at_column, convert_pack<T>(pair));
      }
  __syncthreads();
  store_staged<T, kColumns>(out, stages, row_places, column_places, kRows, threadIdx.x, kThreads);
}

template <class T> void run(const TapProduct& p, const View& out, const View& in, const View& weight, const View* bias) {
  constexpr int64_t kStep = kRowBytes / static_cast<int64_t>(sizeof(T)), kUnit = 16 / static_cast<int64_t>(sizeof(T));
  const auto narrow = [](int64_t value) { return static_cast<int>(value); };
  const int64_t column_tiles = div_up(p.columns(), kColumns), sum = p.taps[0] * p.taps[1] * p.in_channels;
  const int64_t pitch = div_up(sum, kStep) * kStep;
  const DeviceScratch<T> packed(column_tiles * kColumns * pitch);
  fill_bytes(packed.data(), 0, static_cast<size_t>(column_tiles * kColumns * pitch) * sizeof(T));
  pack_weights(packed.data(), p, weight, /*tap_stride=*/p.in_channels, /*column_stride=*/pitch);

  const GatherPlan plan{narrow(p.positions()),
                        narrow(p.grid[0]),
                        narrow(p.grid[1]),
                        narrow(p.step[0]),
                        narrow(p.step[1]),
                        narrow(p.first[0]),
                        narrow(p.first[1]),
                        narrow(p.tap_step[0]),
                        narrow(p.tap_step[1]),
                        narrow(p.taps[1]),
                        narrow(in.sizes[2]),
                        narrow(in.sizes[3]),
                        narrow(p.in_channels),
                        narrow(sum),
                        in.strides[0],
                        in.strides[2],
                        in.strides[3],
                        in.strides[1],
                        pitch,
                        narrow(column_tiles)};
  bool by_units = p.in_channels % kUnit == 0 && in.strides[1] == 1 && is_aligned(in.data);
  for (int d : {0, 2, 3}) by_units = by_units && in.strides[d] % kUnit == 0;
  const auto kernel = by_units ? mma_product_kernel<T, true> : mma_product_kernel<T, false>;
  launch("conv2d_mma_product", kernel, dim3(static_cast<unsigned>(div_up(p.positions(), kRows) * column_tiles)), kThreads, 0,
         in.as<T>(), packed.data(), plan, output_plan(p, out, bias));
}

}  // namespace

void mma_product(const TapProduct& p, const View& out, const View& in, const View& weight, const View* bias) {
  if (in.dtype == kFloat32)
    run<float>(p, out, in, weight, bias);
  else
    run<BFloat16>(p, out, in, weight, bias);
}

}  // namespace tessera::kernels::cuda
