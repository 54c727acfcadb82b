// Batch normalisation kernels on the largest activation of U-Net's second level, 4x64x160x240, in float32. bytes_per_second
// counts each tensor once a pass: training forward reads the input twice and writes once, backward reads input and gradient twice
// and writes once.
//   bench --benchmark_filter=batch_norm
#include <benchmark/benchmark.h>

#include <algorithm>
#include <vector>

#include "kernels/batch_norm/batch_norm.h"

namespace tessera {
namespace {

constexpr int64_t kImages = 4, kHeight = 160, kWidth = 240;

class Buffers {
 public:
  Buffers(int64_t channels, bool channels_last) : channels_(channels), channels_last_(channels_last) {
    for (auto* values : {&input, &grad_out}) {
      values->resize(static_cast<size_t>(kImages * channels * kHeight * kWidth));
      uint32_t state = 1;
      for (float& value : *values) value = static_cast<float>((state = state * 1664525u + 1013904223u) >> 8) * 0x1p-24f;
    }
    out.resize(input.size());
    for (auto* values : {&mean, &var, &invstd, &sum_dy, &sum_dy_xhat}) values->assign(static_cast<size_t>(channels), 1.0f);
  }
  View image(std::vector<float>& values) const {
    View view{values.data(), kFloat32, 4, {kImages, channels_, kHeight, kWidth}, {}};
    const int64_t plane = kHeight * kWidth, c = channels_;
    if (channels_last_)
      view.strides = {plane * c, 1, kWidth * c, c};
    else
      view.strides = {plane * c, plane, kWidth, 1};
    return view;
  }
  View channel_values(std::vector<float>& values) const { return {values.data(), kFloat32, 1, {channels_}, {1}}; }
  kernels::BatchNormChannels channels() { return {channel_values(mean), channel_values(invstd), {}, {}, false}; }
  void count_bytes(benchmark::State& state, int passes) const {
    state.SetBytesProcessed(state.iterations() * passes * static_cast<int64_t>(input.size() * sizeof(float)));
  }

  std::vector<float> input, grad_out, out, mean, var, invstd, sum_dy, sum_dy_xhat;

 private:
  int64_t channels_;
  bool channels_last_;
};

void batch_norm_training_forward(benchmark::State& state) {
  Buffers b(state.range(0), state.range(1) != 0);
  for (auto _ : state) {
    kernels::cpu::batch_norm_statistics(b.channel_values(b.mean), b.channel_values(b.var), b.image(b.input));
    kernels::cpu::batch_norm_forward(b.image(b.out), b.image(b.input), b.channels());
  }
  b.count_bytes(state, 3);
}

void batch_norm_training_backward(benchmark::State& state) {
  Buffers b(state.range(0), state.range(1) != 0);
  const View sum_dy = b.channel_values(b.sum_dy), sum_dy_xhat = b.channel_values(b.sum_dy_xhat);
  for (auto _ : state) {
    kernels::cpu::batch_norm_backward_reduce(sum_dy, sum_dy_xhat, b.image(b.grad_out), b.image(b.input), b.channels());
    kernels::cpu::batch_norm_backward(b.image(b.out), b.image(b.grad_out), b.image(b.input), b.channels(), sum_dy, sum_dy_xhat,
                                      true);
  }
  b.count_bytes(state, 5);
}

// The machine's own limit for one read and one write of the same size.
void batch_norm_copy_limit(benchmark::State& state) {
  Buffers b(64, true);
  for (auto _ : state) {
#pragma omp parallel for
    for (int64_t i = 0; i < kImages * kHeight; ++i)
      std::copy_n(b.input.data() + i * 64 * kWidth, 64 * kWidth, b.out.data() + i * 64 * kWidth);
    benchmark::ClobberMemory();
  }
  b.count_bytes(state, 2);
}

const std::vector<std::vector<int64_t>> kArguments{{64, 8, 3}, {0, 1}};
BENCHMARK(batch_norm_training_forward)->ArgsProduct(kArguments)->ArgNames({"C", "channels_last"})->UseRealTime();
BENCHMARK(batch_norm_training_backward)->ArgsProduct(kArguments)->ArgNames({"C", "channels_last"})->UseRealTime();
BENCHMARK(batch_norm_copy_limit)->UseRealTime();

}  // namespace
}  // namespace tessera
