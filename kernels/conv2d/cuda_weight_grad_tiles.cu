// The weight gradient from channels-last operands with any channel count, stride, dilation and groups: by warp-wide matrix
// instructions (mma.sync, compute capability 8.0 and later) in bfloat16, half and float32 as TensorFloat32; by multiply-adds of
// the CUDA cores in float32 at the highest precision.
//
// A block computes a tile of output channels x columns (ky, kx, ic) over a part of the pixels; cuda_weight_grad.h says how the
// parts meet. Per step it holds `depth` pixels of both operands in a ring of shared-memory stages, filled by asynchronous copies
// as wide as the channel counts allow (16 bytes down to 1 element), so that a row of a tile is a pixel and pixels are the K of
// the product.
//   mma: each warp owns a part of the tile and reads its fragments transposed (ldmatrix.trans). Rows are padded by 8 elements,
//        which puts the rows of a fragment in different banks.
//   fma: fma_tile.h, which wants operands in just this order.
#include "kernels/conv2d/cuda_channels_last.h"
#include "kernels/conv2d/cuda_paths.h"
#include "kernels/conv2d/cuda_weight_grad.h"
#include "kernels/conv2d/sum_parts.h"
#include "kernels/cuda/fma_tile.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/memory.h"
#include "kernels/cuda/mma.h"
#include "kernels/cuda/occupancy.h"

namespace tessera::kernels::cuda {
namespace {

constexpr int kStages = 4;

// How a tile is cut: warps_m x warps_n warps of warp_m x warp_n outputs each.
template <class Element, int warps_m, int warps_n, int warp_m, int warp_n> struct MmaShape {
  using T = Element;
  static constexpr bool kTf32 = std::is_same_v<T, float>;
  static constexpr int kM = warps_m * warp_m, kN = warps_n * warp_n, kDepth = kTf32 ? 16 : 32, kBlock = warps_m * warps_n * kWarp;
  static constexpr int kPitchM = kM + 8, kPitchN = kN + 8;  // elements from row to row in shared memory
  static constexpr int kFragmentsM = warp_m / 16, kFragmentsN = warp_n / 8;
  static constexpr size_t kStageBytes = sizeof(T) * kDepth * (kPitchM + kPitchN);
  static constexpr size_t kTableBytes = 8 * kN + 2 * kDepth * 32;
  static constexpr size_t kShared = kTableBytes + kStages * kStageBytes;

  float sums[kFragmentsM][kFragmentsN][4] = {};

  __device__ void multiply(const T* a, const T* b);
  // f(m, n, sum) for each of this thread's outputs in the tile.
  template <class F> __device__ void for_each(F&& f) const {
    const int lane = threadIdx.x % kWarp, m = warp_m_first() + lane / 4, n = warp_n_first() + lane % 4 * 2;
#pragma unroll
    for (int i = 0; i < kFragmentsM; ++i)
#pragma unroll
      for (int j = 0; j < kFragmentsN; ++j)
#pragma unroll
        for (int r = 0; r < 4; ++r) f(m + i * 16 + r / 2 * 8, n + j * 8 + r % 2, sums[i][j][r]);
  }

 private:
  __device__ static int warp_m_first() { return threadIdx.x / kWarp / warps_n * warp_m; }
  __device__ static int warp_n_first() { return threadIdx.x / kWarp % warps_n * warp_n; }
};

// The tile of fma_tile.h.
template <int tile_m, int tile_n> struct FmaShape : FmaTile<tile_m, tile_n> {
  using T = float;
  static constexpr int kM = tile_m, kN = tile_n, kDepth = kFmaDepth, kPitchM = kM + 8, kPitchN = kN + 8;
  static constexpr size_t kStageBytes = sizeof(T) * kDepth * (kPitchM + kPitchN);
  static constexpr size_t kTableBytes = 8 * kN + 2 * kDepth * 32;
  static constexpr size_t kShared = kTableBytes + kStages * kStageBytes;

  __device__ void multiply(const T* a, const T* b) { FmaTile<tile_m, tile_n>::template multiply<kPitchM, kPitchN>(a, b); }
};

// An output pixel: its place in grad_out, and the window of the input under it.
struct alignas(16) Pixel {
  int64_t grad, picture;  // offsets in elements: of the pixel in grad_out, of the picture in the input
  int row, element;       // the window's first row in the picture, and its first element in the row; may be outside
};
__device__ Pixel pixel_at(const WeightGradProblem& p, int pixel) {
  const auto [n, inside] = p.picture_pixels(pixel);
  const auto [y, x] = p.row_pixels(inside);
  const int row = static_cast<int>(y) * p.stride_y - p.padding_y, element = static_cast<int>(x) * p.stride_x - p.padding_x;
  return {n * p.grad_picture + static_cast<int>(y) * p.grad_row + static_cast<int>(x) * p.grad_pixel, n * p.input_picture,
          pixel < p.pixels ? row : INT_MIN / 2, element};
}

// Fills `depth` rows of `width` elements with vectors of V. prepare(k) -> what all vectors of row k need;
// find(that, column, from) -> whether the vector exists, and where it lies. Lanes are neighbours in a row.
template <class T, int V, int width, int pitch, int depth, int block, class Prepare, class Find>
__device__ void load_rows(T* tile, const T* anything, Prepare&& prepare, Find&& find) {
  constexpr int vectors = width / V, lanes = std::min({kWarp, 64 / V, vectors & -vectors}), rows = block / lanes;
  constexpr int columns = vectors / lanes, passes = (depth + rows - 1) / rows;
  const int lane = threadIdx.x % lanes, first = threadIdx.x / lanes;
  if constexpr (V * sizeof(T) >= 4) {
    for (int k = first; k < depth; k += rows) {
      const auto row = prepare(k);
#pragma unroll
      for (int c = 0; c < columns; ++c) {
        const T* from = anything;
        const bool exists = find(row, (c * lanes + lane) * V, from);
        copy_async<V * sizeof(T)>(tile + k * pitch + (c * lanes + lane) * V, exists ? from : anything, exists);
      }
    }
  } else {
    constexpr int batch = std::max(1, std::min(passes, 16 / columns));  // rows whose loads are under way before a store waits
    for (int pass = 0; pass < passes; pass += batch) {
      T values[batch][columns];
#pragma unroll
      for (int i = 0; i < batch; ++i) {
        const int k = first + (pass + i) * rows;
        if (k >= depth) break;
        const auto row = prepare(k);
#pragma unroll
        for (int c = 0; c < columns; ++c) {
          const T* from = anything;
          values[i][c] = find(row, c * lanes + lane, from) ? *from : T(0.0f);
        }
      }
#pragma unroll
      for (int i = 0; i < batch; ++i) {
        const int k = first + (pass + i) * rows;
        if (k >= depth) break;
#pragma unroll
        for (int c = 0; c < columns; ++c) tile[k * pitch + c * lanes + lane] = values[i][c];
      }
    }
  }
}

template <class T, int width, int pitch, int depth, int block, class Prepare, class Find>
__device__ void load_rows(int vector, T* tile, const T* anything, Prepare&& prepare, Find&& find) {
  const auto with = [&]<int V>() { load_rows<T, V, width, pitch, depth, block>(tile, anything, prepare, find); };
  if constexpr (sizeof(T) == 2)
    if (vector == 8) return with.template operator()<8>();
  if (vector >= 4) return with.template operator()<4>();
  if (vector == 2) return with.template operator()<2>();
  with.template operator()<1>();
}

// sums += (rows of a)^T (rows of b) over the `depth` pixels of a stage.
template <class Element, int warps_m, int warps_n, int warp_m, int warp_n>
__device__ void MmaShape<Element, warps_m, warps_n, warp_m, warp_n>::multiply(const T* a, const T* b) {
  a += warp_m_first(), b += warp_n_first();
  const int lane = threadIdx.x % kWarp;
  constexpr int step = kTf32 ? 8 : 16;
#pragma unroll
  for (int k = 0; k < kDepth; k += step) {
    uint32_t fa[kFragmentsM][4], fb[kFragmentsN][2];
    if constexpr (kTf32) {
      const int g = lane / 4, t = lane % 4;
#pragma unroll
      for (int i = 0; i < kFragmentsM; ++i)
#pragma unroll
        for (int r = 0; r < 4; ++r) fa[i][r] = to_tf32(a[(k + t + r / 2 * 4) * kPitchM + i * 16 + g + r % 2 * 8]);
#pragma unroll
      for (int j = 0; j < kFragmentsN; ++j)
#pragma unroll
        for (int r = 0; r < 2; ++r) fb[j][r] = to_tf32(b[(k + t + r * 4) * kPitchN + j * 8 + g]);
    } else {
      static_assert(kFragmentsN % 2 == 0);
      const T* row = a + (k + lane % 8 + lane / 16 * 8) * kPitchM + lane / 8 % 2 * 8;
#pragma unroll
      for (int i = 0; i < kFragmentsM; ++i) load_matrices_transposed(fa[i], row + i * 16);
      row = b + (k + lane % 16) * kPitchN + lane / 16 * 8;
#pragma unroll
      for (int j = 0; j < kFragmentsN; j += 2) {
        uint32_t both[4];
        load_matrices_transposed(both, row + j * 8);
        fb[j][0] = both[0], fb[j][1] = both[1], fb[j + 1][0] = both[2], fb[j + 1][1] = both[3];
      }
    }
#pragma unroll
    for (int i = 0; i < kFragmentsM; ++i)
#pragma unroll
      for (int j = 0; j < kFragmentsN; ++j) mma<T>(sums[i][j], fa[i], fb[j][0], fb[j][1]);
  }
}

template <class Shape>
__global__ __launch_bounds__(Shape::kBlock) void weight_grad_kernel(const WeightGradProblem p, float* parts, int part_steps) {
  wait_for_kernel_before();
  using T = typename Shape::T;
  extern __shared__ __align__(16) unsigned char shared[];
  // Of each column: the row in the window, and the element in the row. Of each pixel of a step: what all its columns share; the
  // next step's are worked out while one is loaded.
  int2* const table = reinterpret_cast<int2*>(shared);
  Pixel* const pixels = reinterpret_cast<Pixel*>(shared + 8 * Shape::kN);
  static_assert(sizeof(Pixel) == 32);
  T* const stages = reinterpret_cast<T*>(shared + Shape::kTableBytes);
  const int tiles_m = div_up(p.m, Shape::kM), tiles_n = div_up(p.columns, Shape::kN);
  const int tile = blockIdx.x % (tiles_m * tiles_n), group = blockIdx.x / (tiles_m * tiles_n);
  const int m0 = tile % tiles_m * Shape::kM, n0 = tile / tiles_m * Shape::kN;
  const T* const input = static_cast<const T*>(p.input) + group * p.group_in;
  const T* const grad_out = static_cast<const T*>(p.grad_out) + group * p.m + m0;

  for (int c = threadIdx.x; c < Shape::kN; c += Shape::kBlock) {
    const auto [ky, padded] = p.padded_run(n0 + c);
    const int r = static_cast<int>(padded) - p.lead;
    const auto [kx, channel] = p.channels(max(r, 0));
    const int element = r < 0 ? r : static_cast<int>(kx) * p.dilation_x + static_cast<int>(channel);
    table[c] = n0 + c < p.columns ? make_int2(static_cast<int>(ky) * p.dilation_y, element) : make_int2(INT_MAX / 2, 0);
  }

  Shape tile_sums;
  const int first = blockIdx.y * part_steps, steps = min(part_steps, static_cast<int>(div_up(p.pixels, Shape::kDepth)) - first);
  const auto pixels_of = [&](int step) { return pixels + step % 2 * Shape::kDepth; };
  const auto find_pixels = [&](int step) {
    if (threadIdx.x < Shape::kDepth) pixels_of(step)[threadIdx.x] = pixel_at(p, (first + step) * Shape::kDepth + threadIdx.x);
  };
  find_pixels(0);
  const auto stage_at = [&](int step) { return stages + step % kStages * (Shape::kStageBytes / sizeof(T)); };

  for (int step = 1 - kStages; step < steps; ++step) {
    if (step >= 0) wait_copies<kStages - 2>();  // this step's have ended, for this thread ...
    __syncthreads();                            // ... and for all, who are also done with the stage that is filled next
    const int next = step + kStages - 1;
    if (next < steps) {
      const Pixel* const pixel_at_row = pixels_of(next);
      T* const a = stage_at(next);
      load_rows<T, Shape::kM, Shape::kPitchM, Shape::kDepth, Shape::kBlock>(
          p.grad_vector, a, grad_out, [&](int k) { return pixel_at_row[k]; },
          [&](const Pixel& pixel, int column, const T*& from) {
            from = grad_out + pixel.grad + column;
            return pixel.row > INT_MIN / 4 && m0 + column < p.m;
          });
      load_rows<T, Shape::kN, Shape::kPitchN, Shape::kDepth, Shape::kBlock>(
          p.input_vector, a + Shape::kDepth * Shape::kPitchM, input, [&](int k) { return pixel_at_row[k]; },
          [&](const Pixel& pixel, int column, const T*& from) {
            const int2 place = table[column];
            const int row = pixel.row + place.x, element = pixel.element + place.y;
            from = input + pixel.picture + (row * p.input_row + element);
            return static_cast<unsigned>(row) < static_cast<unsigned>(p.height) &&
                   static_cast<unsigned>(element) < static_cast<unsigned>(p.row_elements);
          });
      find_pixels(next + 1);
    }
    commit_copies();
    if (step >= 0) {
      const T* const a = stage_at(step);
      tile_sums.multiply(a, a + Shape::kDepth * Shape::kPitchM);
    }
  }

  float* const part = parts + (int64_t{blockIdx.y} * p.groups + group) * p.m * p.n;
  tile_sums.for_each([&](int m, int column, float sum) {
    const auto [ky, padded] = p.padded_run(n0 + column);
    const int r = static_cast<int>(padded) - p.lead;
    if (m0 + m < p.m && n0 + column < p.columns && r >= 0 && r < p.run)
      part[int64_t{m0 + m} * p.n + static_cast<int>(ky) * p.run + r] = sum;
  });
}

// `flops_per_us`: what a multiprocessor achieves, about.
template <class Shape> void run(const View& grad_weight, const WeightGradProblem& p, double flops_per_us) {
  const int resident = resident_blocks(weight_grad_kernel<Shape>, Shape::kBlock, Shape::kShared);
  const double step_us = 2.0 * Shape::kM * Shape::kN * Shape::kDepth * resident / flops_per_us;
  const int64_t tiles = div_up(p.m, Shape::kM) * div_up(p.columns, Shape::kN) * p.groups;
  const int64_t steps = div_up(p.pixels, Shape::kDepth), elements = int64_t{p.groups} * p.m * p.n;
  const int parts = parts_of_sum(tiles, steps, elements, multiprocessors() * resident, step_us);
  const int part_steps = static_cast<int>(div_up(steps, parts));
  const DeviceScratch<float> scratch(parts * elements);
  launch("weight_grad", weight_grad_kernel<Shape>, dim3(static_cast<unsigned>(tiles), parts), Shape::kBlock,
         Shape::kShared, p, scratch.data(), part_steps);
  add_weight_grad_parts(grad_weight, scratch.data(), parts, p);
}

template <class T> void run_mma(const View& grad_weight, const WeightGradProblem& p) {
  constexpr double flops_per_us = sizeof(T) == 4 ? 1.2e6 : 2.5e6;
  if (p.columns <= 32) return run<MmaShape<T, 4, 1, 16, 32>>(grad_weight, p, flops_per_us / 4);
  if (p.m <= 32) return run<MmaShape<T, 1, 3, 32, 96>>(grad_weight, p, flops_per_us);
  if (p.m <= 64) return run<MmaShape<T, 2, 2, 32, 96>>(grad_weight, p, flops_per_us);
  // TensorFloat32 has more to load and to convert for a product, which more warps hide.
  if constexpr (sizeof(T) == 4) run<MmaShape<T, 4, 2, 32, 64>>(grad_weight, p, flops_per_us);
  else run<MmaShape<T, 2, 2, 64, 64>>(grad_weight, p, flops_per_us);
}

void run_fma(const View& grad_weight, const WeightGradProblem& p) {
  constexpr double flops_per_us = 0.3e6;
  if (p.columns <= 32) run<FmaShape<64, 32>>(grad_weight, p, flops_per_us / 4);
  else if (p.m <= 32) run<FmaShape<32, 256>>(grad_weight, p, flops_per_us);
  else if (p.m <= 64) run<FmaShape<64, 256>>(grad_weight, p, flops_per_us);
  else run<FmaShape<128, 128>>(grad_weight, p, flops_per_us);
}

}  // namespace

bool tiled_weight_grad(const View& grad_weight, const View& input, const View& grad_out, const Conv2dParams& params) {
  if (input.dtype == kFloat64) return false;
  const ChannelsLastOperand from(input), gradient(grad_out);
  const std::optional<WeightGradProblem> problem = weight_grad_problem(grad_weight, from.view(), gradient.view(), params);
  if (!problem || (problem->groups > 1 && problem->m < 8)) return false;
  if (hopper_weight_grad(grad_weight, from.view(), gradient.view(), params, *problem)) return true;
  if (hopper_weight_grad_float32(grad_weight, from.view(), gradient.view(), params, *problem)) return true;
  if (input.dtype == kBFloat16) run_mma<BFloat16>(grad_weight, *problem);
  else if (input.dtype == kFloat16) run_mma<Half>(grad_weight, *problem);
  else if (params.precision != Float32Precision::Highest) run_mma<float>(grad_weight, *problem);
  else run_fma(grad_weight, *problem);
  return true;
}

}  // namespace tessera::kernels::cuda
