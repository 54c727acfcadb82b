// Maximum pooling 2x2 of 4x64x160x240 and the 3x3 stride-2 pooling of ResNet's stem, in float32. bytes_per_second counts input
// and output values once each (the int32 indices are extra traffic, not counted).
//   bench --benchmark_filter=pool
#include <benchmark/benchmark.h>

#include <vector>

#include "kernels/pool/pool.h"

namespace tessera {
namespace {

View image(void* data, ScalarType dtype, int64_t channels, int64_t height, int64_t width, bool channels_last) {
  View view{data, dtype, 4, {4, channels, height, width}, {}};
  if (channels_last)
    view.strides = {channels * height * width, 1, width * channels, channels};
  else
    view.strides = {channels * height * width, height * width, width, 1};
  return view;
}

// Arguments: channels, window size, channels_last.
void run(benchmark::State& state, bool backward) {
  const int64_t channels = state.range(0), window = state.range(1);
  const bool channels_last = state.range(2) != 0;
  const kernels::Pool2dParams params{.kernel = {window, window}, .stride = {2, 2}, .padding = {window / 3, window / 3}};
  std::vector<float> input(static_cast<size_t>(4 * channels * 160 * 240)), out(input.size() / 4);
  std::vector<int32_t> indices(out.size());
  uint32_t random = 1;
  for (float& value : input) value = static_cast<float>((random = random * 1664525u + 1013904223u) >> 8) * 0x1p-24f;
  const View x = image(input.data(), kFloat32, channels, 160, 240, channels_last);
  const View y = image(out.data(), kFloat32, channels, 80, 120, channels_last);
  const View at = image(indices.data(), kInt32, channels, 80, 120, channels_last);
  kernels::cpu::max_pool2d_forward(y, at, x, params);
  for (auto _ : state) {
    if (backward)
      kernels::cpu::max_pool2d_backward(x, y, at, params);
    else
      kernels::cpu::max_pool2d_forward(y, at, x, params);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>((input.size() + out.size()) * sizeof(float)));
}

void max_pool2d_forward(benchmark::State& state) {
  run(state, false);
}
void max_pool2d_backward(benchmark::State& state) {
  run(state, true);
}

const std::vector<std::vector<int64_t>> kArguments{{64, 8}, {2, 3}, {0, 1}};
BENCHMARK(max_pool2d_forward)->ArgsProduct(kArguments)->ArgNames({"C", "window", "channels_last"})->UseRealTime();
BENCHMARK(max_pool2d_backward)->ArgsProduct(kArguments)->ArgNames({"C", "window", "channels_last"})->UseRealTime();

}  // namespace
}  // namespace tessera
