// Weights in the order in which a matrix product reads them: [tap][column][in channel] (tap_product.h).
//
// A block takes 32 channels of the input times 8 of the output for up to 9 positions of the kernel, 9 elements a thread: it reads
// them in the order in which they lie in memory into shared memory, and writes them with the input channels adjacent. The weights
// are small, so what counts is that all loads are on their way at once. Traffic: the weights twice.
#include <type_traits>

#include "kernels/conv2d/cuda_warpgroup_product.h"
#include "kernels/conv2d/cuda_tensor_core.h"
#include "kernels/cuda/launch.h"

namespace tessera::kernels::cuda {
namespace {

constexpr int kTileK = 32, kTileC = 8, kTaps = 9, kPairs = kTileK * kTileC;
static_assert(kPairs == kThreads);

struct PackPlan {
  int in_channels, channels, run;
  int64_t tap_stride, column_stride;
  int kernel_y, kernel_x, span_x,
      spans;  // span: the kernel with `lead` zeros before it, padded to whole taps of all phases; spans = span_y * span_x
  int lead_y, lead_x, phases_y, phases_x, taps_x;
  int fold_channels;
  int64_t stride_k, stride_fold, stride_c, stride_y, stride_x;
  bool taps_inner, k_inner;  // what is adjacent in the weights' memory: kernel positions; if not, or next, k or c
  int k_end;                 // of the rows that are written
  int chunk = 0;             // of split weights; 0: as they are
  int64_t rests = 0;         // how far behind the nearest TF32 numbers
};

template <class T> __global__ void __launch_bounds__(kThreads)
    pack_weights_kernel(T* to, const T* weight, PackPlan plan, bool beside_copy) {
  __shared__ T tile[kTaps][kTileC][kTileK + 1];  // kernel position, c, k
  __shared__ int64_t from_k[kTileK], from_tap[kTaps],
      to_tap[kTaps];  // offsets, so that nobody divides in the loops; -1: nothing there
  // The kernel before, a copy, knows those before it to have ended: the weights are there. But who follows this one reads the copy too.
  if (!beside_copy) wait_for_kernel_before();
  let_next_kernel_begin();
  const int first_k = blockIdx.x * kTileK, first_c = blockIdx.y * kTileC, first_tap = blockIdx.z * kTaps;
  if (threadIdx.x < kTileK) {
    const int k = first_k + threadIdx.x, pixel = k / plan.fold_channels;
    from_k[threadIdx.x] = k < plan.in_channels ? (k - pixel * plan.fold_channels) * plan.stride_k + pixel * plan.stride_fold : -1;
  } else if (threadIdx.x < kTileK + kTaps) {
    const int i = threadIdx.x - kTileK, tap = first_tap + i, y = tap / plan.span_x, x = tap - y * plan.span_x;
    const int ky = y - plan.lead_y, kx = x - plan.lead_x,
              column = y % plan.phases_y * plan.run + x % plan.phases_x * plan.channels;
    const bool exists = ky >= 0 && ky < plan.kernel_y && kx >= 0 && kx < plan.kernel_x;
    from_tap[i] = exists ? ky * plan.stride_y + kx * plan.stride_x : -1;
    to_tap[i] = tap < plan.spans
                    ? (y / plan.phases_y * plan.taps_x + x / plan.phases_x) * plan.tap_stride + column * plan.column_stride
                    : -1;
  }
  __syncthreads();
#pragma unroll
  for (int i = 0; i < kTaps; ++i) {
    const int at = i * kThreads + threadIdx.x;
    const int tap = plan.taps_inner ? at % kTaps : i, pair = plan.taps_inner ? at / kTaps : threadIdx.x;
    const int k = plan.k_inner ? pair % kTileK : pair / kTileC, c = plan.k_inner ? pair / kTileK : pair % kTileC;
    const bool exists = from_k[k] >= 0 && from_tap[tap] >= 0 && first_c + c < plan.channels;
    tile[tap][c][k] = exists ? weight[from_k[k] + from_tap[tap] + (first_c + c) * plan.stride_c] : T(0.0f);
  }
  __syncthreads();
  if (beside_copy) wait_for_kernel_before();
  const int k = threadIdx.x % kTileK, c = threadIdx.x / kTileK;
  if (first_k + k >= plan.k_end || first_c + c >= plan.channels) return;
  T* const row = to + (first_c + c) * plan.column_stride;
  if constexpr (std::is_same_v<T, float>) {
    if (plan.chunk != 0) {
      const int in_chunk = (first_k + k) % plan.chunk, position = first_k + k - in_chunk + split_position(in_chunk, plan.chunk);
#pragma unroll
      for (int tap = 0; tap < kTaps; ++tap) {
        if (to_tap[tap] < 0) continue;
        uint32_t nearest, rest;
        split_tf32(tile[tap][c][k], nearest, rest);
        row[to_tap[tap] + position] = __uint_as_float(nearest), row[to_tap[tap] + plan.rests + position] = __uint_as_float(rest);
      }
      return;
    }
  }
#pragma unroll
  for (int tap = 0; tap < kTaps; ++tap)
    if (to_tap[tap] >= 0) row[to_tap[tap] + first_k + k] = tile[tap][c][k];
}

int64_t pitch_of(const TapProduct& product, ScalarType type) {
  const int64_t unit = 16 / static_cast<int64_t>(element_size(type));
  return div_up(product.in_channels, unit) * unit;
}

PackPlan pack_plan(const TapProduct& p, int64_t tap_stride, int64_t column_stride) {
  const auto narrow = [](int64_t value) { return static_cast<int>(value); };
  const int64_t span_x = p.taps[1] * p.phases[1];
  PackPlan plan{};
  plan.in_channels = plan.k_end = narrow(p.in_channels), plan.channels = narrow(p.channels), plan.run = narrow(p.run());
  plan.tap_stride = tap_stride, plan.column_stride = column_stride;
  plan.kernel_y = narrow(p.kernel[0]), plan.kernel_x = narrow(p.kernel[1]);
  plan.span_x = narrow(span_x), plan.spans = narrow(p.taps[0] * p.phases[0] * span_x);
  plan.lead_y = narrow(p.lead[0]), plan.lead_x = narrow(p.lead[1]);
  plan.phases_y = narrow(p.phases[0]), plan.phases_x = narrow(p.phases[1]), plan.taps_x = narrow(p.taps[1]);
  plan.fold_channels = narrow(p.fold_channels);
  plan.stride_k = p.weight_stride_k, plan.stride_fold = p.weight_stride_fold, plan.stride_c = p.weight_stride_c;
  plan.stride_y = p.weight_strides[0], plan.stride_x = p.weight_strides[1];
  plan.k_inner = p.weight_stride_k < p.weight_stride_c;
  plan.taps_inner = p.weight_strides[1] < std::min(p.weight_stride_k, p.weight_stride_c);
  return plan;
}

WeightMatrix pack(void* to, const View& weight, const PackPlan& plan, bool beside_copy) {
  const dim3 grid(static_cast<unsigned>(div_up(plan.k_end, kTileK)), static_cast<unsigned>(div_up(plan.channels, kTileC)),
                  static_cast<unsigned>(div_up(plan.spans, kTaps)));
  if (weight.dtype == kFloat32)
    launch("conv2d_pack_weights", pack_weights_kernel<float>, grid, kThreads, 0, static_cast<float*>(to), weight.as<float>(), plan,
           beside_copy);
  else
    launch("conv2d_pack_weights", pack_weights_kernel<BFloat16>, grid, kThreads, 0, static_cast<BFloat16*>(to),
           weight.as<BFloat16>(), plan, beside_copy);
  return {to, plan.tap_stride, plan.column_stride};
}

int64_t split_pitch(const TapProduct& product) { return div_up(product.in_channels, split_chunk(product)) * split_chunk(product); }

}  // namespace

int64_t packed_weight_elements(const TapProduct& product, ScalarType type) {
  return product.taps[0] * product.taps[1] * product.columns() * pitch_of(product, type);
}

WeightMatrix pack_weights(void* to, const TapProduct& product, const View& weight, bool beside_copy) {
  const int64_t pitch = pitch_of(product, weight.dtype);
  return pack(to, weight, pack_plan(product, product.columns() * pitch, pitch), beside_copy);
}

WeightMatrix pack_weights(void* to, const TapProduct& product, const View& weight, int64_t tap_stride, int64_t column_stride) {
  return pack(to, weight, pack_plan(product, tap_stride, column_stride), /*beside_copy=*/false);
}

int64_t split_weight_elements(const TapProduct& product) {
  return 2 * product.taps[0] * product.taps[1] * product.columns() * split_pitch(product);
}

WeightMatrix pack_split_weights(void* to, const TapProduct& product, const View& weight, bool beside_copy) {
  const int64_t pitch = split_pitch(product);
  PackPlan plan = pack_plan(product, product.columns() * pitch, pitch);
  plan.k_end = static_cast<int>(pitch), plan.chunk = static_cast<int>(split_chunk(product));
  plan.rests = split_weight_elements(product) / 2;
  return pack(to, weight, plan, beside_copy);
}

}  // namespace tessera::kernels::cuda
