// Convolution of pictures with few channels (the first layer of a network: 3 channels, 7x7 with stride 2 or 3x3) on tensor cores
// of compute capability 8.0 and later, bfloat16.
//
// The sum over taps and channels is short (7 * 7 * 3 = 147) and its elements do not come in units of 16 bytes, but the window of
// a position is `taps_y` runs of taps_x * C adjacent elements. A block takes 128 positions of an output row times 64 (or 32)
// columns: it copies the input rows under them to shared memory, and each lane puts its fragments together from there: element k
// of position p lies at p * step * C + offset[k]. A warp computes 16 positions. Blocks live as long as there is work: the weights
// stay in shared memory, and the next rows are on their way while the present ones are multiplied.
//
// Traffic: each input row is read taps_y / step times (from L2), the output is written once, which is what takes the time.
#include "kernels/conv2d/cuda_output.h"
#include "kernels/conv2d/cuda_tensor_core.h"
#include "kernels/cuda/index.h"
#include "kernels/cuda/memory.h"
#include "kernels/cuda/mma.h"

namespace tessera::kernels::cuda {

struct FirstLayerPlan {
  int grid_x, step_y, step_x, first_y, first_x, tap_step_y, taps_y, window, sum, padded_sum;  // window: taps_x * C
  int height, row_elements, channels, lead;  // lead: elements before the first position's window, to begin at a unit
  int row_length;                            // of a copied row, in elements
  int64_t stride_n, stride_y, stride_x, stride_c;
  FastDivisor segments, rows, by_channels;  // of 128 positions in a row; rows of the output
  int work;
  bool units;  // rows can be copied in units of 16 bytes
};

namespace {

constexpr int kPositions = 128, kUnit = 8;
static_assert(kThreads == kPositions / 16 * kWarp);

template <int kColumns> __global__ void __launch_bounds__(kThreads, 2)
    first_layer_kernel(const BFloat16* in, const BFloat16* weights, const __grid_constant__ FirstLayerPlan plan,
                       const __grid_constant__ OutputPlan out) {
  wait_for_kernel_before();
  extern __shared__ __align__(128) unsigned char shared[];
  const int weight_pitch = plan.padded_sum + kUnit;  // an odd number of 16-byte units: rows begin in different banks
  const int rows_size = plan.taps_y * plan.row_length;
  BFloat16* columns = reinterpret_cast<BFloat16*>(shared);
  BFloat16* rows = columns + kColumns * weight_pitch;  // two sets
  unsigned char* staged = reinterpret_cast<unsigned char*>(rows + 2 * rows_size);
  uint16_t* offsets = reinterpret_cast<uint16_t*>(staged + kPositions * kStagedPitch<BFloat16, kColumns>);
  __shared__ RowPlace row_places[kPositions];
  __shared__ ColumnPlace column_places[kColumns];

  const int warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp;
  const int first_column = blockIdx.y * kColumns;
  if (threadIdx.x < kColumns) column_places[threadIdx.x] = column_place<BFloat16>(out, first_column + threadIdx.x);
  for (int at = threadIdx.x; at < kColumns * plan.padded_sum / kUnit; at += kThreads) {
    const int column = at / (plan.padded_sum / kUnit), unit = at - column * (plan.padded_sum / kUnit);
    copy_async<16>(columns + column * weight_pitch + unit * kUnit,
                   weights + int64_t{first_column + column} * plan.padded_sum + unit * kUnit, true);
  }
  // The offsets of a step's 16 k in the order in which a lane needs them: for lane % 4 = t those of k = 2 t, 2 t + 1, 2 t + 8 and
  // 2 t + 9. Beyond the sum the weights are 0, and any element of the window will do.
  for (int at = threadIdx.x; at < plan.padded_sum; at += kThreads) {
    const int k = at / 16 * 16 + at % 16 / 4 * 2 + at % 4 / 2 * 8 + at % 2, tap = k / plan.window;
    offsets[at] = k < plan.sum ? plan.lead + tap * plan.row_length + k - tap * plan.window : plan.lead;
  }

  struct Segment {
    int picture, y, x;  // of the output
  };
  const auto segment_at = [&](int item) -> Segment {
    const QuotientRemainder x = plan.segments(item), y = plan.rows(x.quotient);
    return {static_cast<int>(y.quotient), static_cast<int>(y.remainder), static_cast<int>(x.remainder) * kPositions};
  };
  // Input rows of a segment; zeros beyond the picture.
  const auto copy_rows = [&](BFloat16* to, int item) {
    const Segment at = segment_at(item);
    const int first = (at.x * plan.step_x + plan.first_x) * plan.channels - plan.lead;
    for (int tap = warp; tap < plan.taps_y; tap += kThreads / kWarp) {  // a warp copies a row
      const int y = at.y * plan.step_y + plan.first_y + tap * plan.tap_step_y;
      const bool inside = y >= 0 && y < plan.height;
      const BFloat16* row = in + at.picture * plan.stride_n + (inside ? y * plan.stride_y : 0);
      BFloat16* copied = to + tap * plan.row_length;
      if (plan.units) {
        for (int e = lane * kUnit; e < plan.row_length; e += kWarp * kUnit) {
          const bool exists = inside && first + e >= 0 && first + e < plan.row_elements;
          copy_async<16>(copied + e, exists ? row + first + e : in, exists);
        }
      } else {
        for (int e = lane; e < plan.row_length; e += kWarp) {
          const bool exists = inside && first + e >= 0 && first + e < plan.row_elements;
          const QuotientRemainder pixel = plan.by_channels(exists ? first + e : 0);
          copied[e] = exists ? row[pixel.quotient * plan.stride_x + pixel.remainder * plan.stride_c] : BFloat16(0.0f);
        }
      }
    }
  };

  const int position = warp * 16 + lane / 4, stride = plan.step_x * plan.channels;
  if (static_cast<int>(blockIdx.x) < plan.work) copy_rows(rows, blockIdx.x);
  commit_copies();
  int set = 0;
  for (int item = blockIdx.x; item < plan.work; item += gridDim.x, set ^= 1) {
    if (item + static_cast<int>(gridDim.x) < plan.work) copy_rows(rows + (set ^ 1) * rows_size, item + gridDim.x);
    commit_copies();
    wait_copies<1>();
    const Segment at = segment_at(item);
    if (threadIdx.x < kPositions)
      row_places[threadIdx.x] =
          static_cast<int>(at.x + threadIdx.x) < plan.grid_x ? row_place(out, at.picture, at.y, at.x + threadIdx.x) : no_row();
    __syncthreads();

    float sums[kColumns / 8][4] = {};
    const BFloat16* upper = rows + set * rows_size + position * stride;
    const BFloat16* lower = upper + 8 * stride;
    for (int step = 0; step < plan.padded_sum / 16; ++step) {
      const Pack<uint16_t, 4> at_k = load_pack<4>(offsets + step * 16 + lane % 4 * 4);
      const auto pair = [](BFloat16 low, BFloat16 high) { return uint32_t{low.bits} | uint32_t{high.bits} << 16; };
      const uint32_t a[4] = {pair(upper[at_k[0]], upper[at_k[1]]), pair(lower[at_k[0]], lower[at_k[1]]),
                             pair(upper[at_k[2]], upper[at_k[3]]), pair(lower[at_k[2]], lower[at_k[3]])};
#pragma unroll
      for (int j = 0; j < kColumns / 16; ++j) {  // both halves of k for 8 columns, then for the next 8
        uint32_t b[4];
        load_matrices(b, columns + (16 * j + lane % 8 + lane / 16 * 8) * weight_pitch + step * 16 + lane / 8 % 2 * 8);
        mma<BFloat16>(sums[2 * j], a, b[0], b[1]);
        mma<BFloat16>(sums[2 * j + 1], a, b[2], b[3]);
      }
    }

    unsigned char* mine = staged + warp * 16 * kStagedPitch<BFloat16, kColumns>;
#pragma unroll
    for (int j = 0; j < kColumns / 8; ++j)
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int column = 8 * j + lane % 4 * 2;
        Pack<float, 2> values;
        values[0] = sums[j][2 * half] + column_places[column].bias;
        values[1] = sums[j][2 * half + 1] + column_places[column + 1].bias;
        store_pack(reinterpret_cast<BFloat16*>(mine + (lane / 4 + 8 * half) * kStagedPitch<BFloat16, kColumns>) + column,
                   convert_pack<BFloat16>(values));
      }
    __syncwarp();
    store_staged<BFloat16, kColumns>(out, mine, row_places + warp * 16, column_places, 16, lane, kWarp);
    __syncthreads();  // nobody reads these rows and places any more
  }
}

}  // namespace

bool first_layer_product(const TapProduct& p, const View& out, const View& in, const View& weight, const View* bias) {
  constexpr int64_t kMaxChannels = 4, kMaxSum = 256;
  const int64_t sum = p.taps[0] * p.taps[1] * p.in_channels;
  const bool fits = in.dtype == kBFloat16 && p.in_channels <= kMaxChannels && sum <= kMaxSum && p.tap_step[1] == 1 &&
                    p.phases == TapProduct::Pair{1, 1} && p.grid[1] >= kPositions / 2;
  if (!fits) return false;
  const auto narrow = [](int64_t value) { return static_cast<int>(value); };
  const int64_t padded_sum = div_up(sum, 16) * 16, columns = p.columns() <= 32 ? 32 : 64;  // of a block
  const int64_t column_tiles = div_up(p.columns(), columns);
  const int64_t window = p.taps[1] * p.in_channels, first = p.first[1] * p.in_channels;
  const int64_t lead = (first % kUnit + kUnit) % kUnit;  // segments begin at multiples of 128 positions, so this holds for all
  const int64_t row_length = div_up(lead + (kPositions - 1) * p.step[1] * p.in_channels + window, kUnit) * kUnit;
  const int64_t segments = div_up(p.grid[1], kPositions), row_elements = in.sizes[3] * p.in_channels;
  const bool units = in.strides[1] == 1 && in.strides[3] == p.in_channels && is_aligned(in.data) && row_elements % kUnit == 0 &&
                     in.strides[2] % kUnit == 0 && in.strides[0] % kUnit == 0;
  const FirstLayerPlan plan{narrow(p.grid[1]),
                            narrow(p.step[0]),
                            narrow(p.step[1]),
                            narrow(p.first[0]),
                            narrow(p.first[1]),
                            narrow(p.tap_step[0]),
                            narrow(p.taps[0]),
                            narrow(window),
                            narrow(sum),
                            narrow(padded_sum),
                            narrow(in.sizes[2]),
                            narrow(row_elements),
                            narrow(p.in_channels),
                            narrow(lead),
                            narrow(row_length),
                            in.strides[0],
                            in.strides[2],
                            in.strides[3],
                            in.strides[1],
                            FastDivisor(segments),
                            FastDivisor(p.grid[0]),
                            FastDivisor(p.in_channels),
                            narrow(p.images * p.grid[0] * segments),
                            units};
  const size_t shared = static_cast<size_t>(columns * (padded_sum + kUnit) + 2 * p.taps[0] * row_length + padded_sum) * 2 +
                        kPositions * (columns == 32 ? kStagedPitch<BFloat16, 32> : kStagedPitch<BFloat16, 64>);
  if (shared > 96 * 1024) return false;

  const DeviceScratch<BFloat16> packed(column_tiles * columns * padded_sum);
  fill_bytes(packed.data(), 0, static_cast<size_t>(column_tiles * columns * padded_sum) * sizeof(BFloat16));
  pack_weights(packed.data(), p, weight, /*tap_stride=*/p.in_channels, /*column_stride=*/padded_sum);
  const int blocks = std::min(plan.work, 3 * multiprocessors());
  launch("conv2d_first_layer", columns == 32 ? first_layer_kernel<32> : first_layer_kernel<64>,
         dim3(static_cast<unsigned>(blocks), static_cast<unsigned>(column_tiles)), kThreads, shared, in.as<BFloat16>(),
         packed.data(), plan, output_plan(p, out, bias));
  return true;
}

}  // namespace tessera::kernels::cuda
