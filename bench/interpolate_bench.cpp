// Bilinear and nearest resampling by 2 of 4x64x128x256, in float32. bytes_per_second counts input and output once each.
//   bench --benchmark_filter=2d_x2
#include <benchmark/benchmark.h>

#include <vector>

#include "kernels/interpolate/interpolate.h"

namespace tessera {
namespace {

View image(std::vector<float>& values, int64_t channels, int64_t height, int64_t width, bool channels_last) {
  View view{values.data(), kFloat32, 4, {4, channels, height, width}, {}};
  if (channels_last)
    view.strides = {channels * height * width, 1, width * channels, channels};
  else
    view.strides = {channels * height * width, height * width, width, 1};
  return view;
}

// Arguments: channels, channels_last.
void run(benchmark::State& state, kernels::InterpolateForward* forward, kernels::InterpolateBackward* backward) {
  const int64_t channels = state.range(0);
  std::vector<float> small(static_cast<size_t>(4 * channels * 128 * 256), 1.0f), large(small.size() * 4, 1.0f);
  const View x = image(small, channels, 128, 256, state.range(1) != 0), y = image(large, channels, 256, 512, state.range(1) != 0);
  const kernels::InterpolateParams params{.align_corners = false, .scale_h = 0.5, .scale_w = 0.5};
  for (auto _ : state) {
    if (forward != nullptr)
      forward(y, x, params);
    else
      backward(x, y, params);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>((small.size() + large.size()) * sizeof(float)));
}

void bilinear2d_x2_forward(benchmark::State& state) {
  run(state, kernels::cpu::bilinear2d_forward, nullptr);
}
void bilinear2d_x2_backward(benchmark::State& state) {
  run(state, nullptr, kernels::cpu::bilinear2d_backward);
}
void nearest2d_x2_forward(benchmark::State& state) {
  run(state, kernels::cpu::nearest2d_forward, nullptr);
}

const std::vector<std::vector<int64_t>> kArguments{{64, 8}, {0, 1}};
BENCHMARK(bilinear2d_x2_forward)->ArgsProduct(kArguments)->ArgNames({"C", "channels_last"})->UseRealTime();
BENCHMARK(bilinear2d_x2_backward)->ArgsProduct(kArguments)->ArgNames({"C", "channels_last"})->UseRealTime();
BENCHMARK(nearest2d_x2_forward)->ArgsProduct(kArguments)->ArgNames({"C", "channels_last"})->UseRealTime();

}  // namespace
}  // namespace tessera
