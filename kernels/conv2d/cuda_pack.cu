// Weights in the order in which a matrix product reads them: [tap][column][in channel] (tap_product.h).
//
// A block takes 32 channels of the input times 32 of the output for up to 9 positions of the kernel: it reads them in the order in
// which they lie in memory into shared memory, and writes them with the input channels adjacent. Traffic: the weights twice.
#include "kernels/conv2d/cuda_tensor_core.h"
#include "kernels/cuda/launch.h"

namespace tessera::kernels::cuda {
namespace {

constexpr int kTile = 32, kTaps = 9;

struct PackPlan {
  int in_channels, channels, in_pitch, columns, run;
  int kernel_y, kernel_x, span_x, spans;  // span: the kernel padded to whole taps of all phases; spans = span_y * span_x
  int phases_y, phases_x, taps_x;
  int64_t stride_k, stride_c, stride_y, stride_x;
  bool taps_inner, k_inner;  // what is adjacent in the weights' memory: kernel positions; if not, or next, k or c
};

template <class T> __global__ void __launch_bounds__(kThreads) pack_weights_kernel(T* to, const T* weight, PackPlan plan) {
  __shared__ T tile[kTaps][kTile][kTile + 1];  // kernel position, c, k
  const int first_k = blockIdx.x * kTile, first_c = blockIdx.y * kTile, first_tap = blockIdx.z * kTaps;
  const int taps = min(kTaps, plan.spans - first_tap);
  for (int at = threadIdx.x; at < taps * kTile * kTile; at += kThreads) {
    int tap, pair;
    if (plan.taps_inner) tap = at % taps, pair = at / taps;
    else tap = at / (kTile * kTile), pair = at % (kTile * kTile);
    const int k = plan.k_inner ? pair % kTile : pair / kTile, c = plan.k_inner ? pair / kTile : pair % kTile;
    const int ky = (first_tap + tap) / plan.span_x, kx = (first_tap + tap) % plan.span_x;
    const bool exists = first_k + k < plan.in_channels && first_c + c < plan.channels && ky < plan.kernel_y && kx < plan.kernel_x;
    tile[tap][c][k] = exists ? weight[(first_k + k) * plan.stride_k + (first_c + c) * plan.stride_c + ky * plan.stride_y +
                                      kx * plan.stride_x]
                             : T(0.0f);
  }
  __syncthreads();
  for (int at = threadIdx.x; at < taps * kTile * kTile; at += kThreads) {
    const int k = at % kTile, c = at / kTile % kTile, tap = at / (kTile * kTile);
    if (first_k + k >= plan.in_channels || first_c + c >= plan.channels) continue;
    const int ky = (first_tap + tap) / plan.span_x, kx = (first_tap + tap) % plan.span_x;
    const int a = ky / plan.phases_y * plan.taps_x + kx / plan.phases_x;
    const int column = ky % plan.phases_y * plan.run + kx % plan.phases_x * plan.channels + first_c + c;
    to[(int64_t{a} * plan.columns + column) * plan.in_pitch + first_k + k] = tile[tap][c][k];
  }
}

int64_t pitch_of(const TapProduct& product, ScalarType type) {
  const int64_t unit = 16 / static_cast<int64_t>(element_size(type));
  return div_up(product.in_channels, unit) * unit;
}

}  // namespace

int64_t packed_weight_elements(const TapProduct& product, ScalarType type) {
  return product.taps[0] * product.taps[1] * product.columns() * pitch_of(product, type);
}

WeightMatrix pack_weights(void* to, const TapProduct& p, const View& weight) {
  const auto narrow = [](int64_t value) { return static_cast<int>(value); };
  const int64_t span_x = p.taps[1] * p.phases[1], spans = p.taps[0] * p.phases[0] * span_x, pitch = pitch_of(p, weight.dtype);
  PackPlan plan{narrow(p.in_channels), narrow(p.channels), narrow(pitch), narrow(p.columns()), narrow(p.run()), narrow(p.kernel[0]),
                narrow(p.kernel[1]), narrow(span_x), narrow(spans), narrow(p.phases[0]), narrow(p.phases[1]), narrow(p.taps[1]),
                p.weight_stride_k, p.weight_stride_c, p.weight_strides[0], p.weight_strides[1], false, false};
  plan.k_inner = p.weight_stride_k < p.weight_stride_c;
  plan.taps_inner = p.weight_strides[1] < std::min(p.weight_stride_k, p.weight_stride_c);
  const dim3 grid(static_cast<unsigned>(div_up(p.in_channels, kTile)), static_cast<unsigned>(div_up(p.channels, kTile)),
                  static_cast<unsigned>(div_up(spans, kTaps)));
  if (weight.dtype == kFloat32)
    launch("pack_weights", pack_weights_kernel<float>, grid, kThreads, 0, static_cast<float*>(to), weight.as<float>(), plan);
  else
    launch("pack_weights", pack_weights_kernel<BFloat16>, grid, kThreads, 0, static_cast<BFloat16*>(to), weight.as<BFloat16>(),
           plan);
  return {to, p.columns() * pitch, pitch};
}

}  // namespace tessera::kernels::cuda
