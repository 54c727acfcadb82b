// Reductions and counts on the shapes of segmentation: bias gradients, predictions, confusion matrices. Counter: bytes of input
// read, the bound being the memory's bandwidth.
#include <benchmark/benchmark.h>

#include <random>
#include <vector>

#include "kernels/count/count.h"
#include "kernels/reduce/reduce.h"

namespace tessera {
namespace {

using namespace kernels;

View make_view(void* data, ScalarType dtype, std::array<int64_t, 4> sizes, bool channels_last) {
  View view{data, dtype, 4, {}, {}};
  int64_t stride = 1;
  for (int d : channels_last ? std::array<int, 4>{1, 3, 2, 0} : std::array<int, 4>{3, 2, 1, 0}) {
    view.sizes[d] = sizes[d];
    view.strides[d] = stride;
    stride *= sizes[d];
  }
  return view;
}

std::vector<float> random_floats(int64_t count) {
  std::mt19937 engine(1);
  std::vector<float> values(count);
  for (float& v : values) v = static_cast<float>(engine() >> 8) * 0x1p-24f;
  return values;
}

// Runs of one class, as in a label image.
std::vector<int64_t> random_labels(int64_t count, uint32_t classes, uint32_t seed) {
  std::mt19937 engine(seed);
  std::vector<int64_t> labels(count);
  int64_t label = 0;
  for (int64_t& l : labels) {
    if (engine() % 16 == 0) label = engine() % classes;
    l = label;
  }
  return labels;
}

// Sum over N, H, W of 4x64x160x240, C kept: the gradient of a convolution's bias.
void sum_nhw(benchmark::State& state, bool channels_last) {
  std::vector<float> data = random_floats(4 * 64 * 160 * 240), sums(64);
  const View in = make_view(data.data(), kFloat32, {4, 64, 160, 240}, channels_last);
  const View out = make_view(sums.data(), kFloat32, {1, 64, 1, 1}, false);
  for (auto _ : state) cpu::reduce(out, in, ReduceOp::Sum);
  state.SetBytesProcessed(state.iterations() * in.numel() * 4);
}

// The predicted class of each pixel: argmax over C of 4x21x320x480.
void argmax_channels(benchmark::State& state, bool channels_last) {
  std::vector<float> data = random_floats(4 * 21 * 320 * 480);
  std::vector<int64_t> indices(4 * 320 * 480);
  const View in = make_view(data.data(), kFloat32, {4, 21, 320, 480}, channels_last);
  const View out = make_view(indices.data(), kInt64, {4, 1, 320, 480}, false);
  for (auto _ : state) cpu::arg_reduce(View{}, out, in, 1, Extreme::Max);
  state.SetBytesProcessed(state.iterations() * in.numel() * 4);
}

// 21 classes, 4x320x480 pixels.
void confusion(benchmark::State& state) {
  std::vector<int64_t> target = random_labels(4 * 320 * 480, 22, 1), prediction = random_labels(4 * 320 * 480, 21, 2),
                       matrix(441);
  const View truth = make_view(target.data(), kInt64, {4, 1, 320, 480}, false);
  const View guess = make_view(prediction.data(), kInt64, {4, 1, 320, 480}, false);
  const View out{matrix.data(), kInt64, 2, {21, 21}, {21, 1}};
  for (auto _ : state) cpu::confusion_matrix(out, truth, guess);
  state.SetBytesProcessed(state.iterations() * truth.numel() * 16);
}

BENCHMARK_CAPTURE(sum_nhw, channels_last, true)->UseRealTime()->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(sum_nhw, nchw, false)->UseRealTime()->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(argmax_channels, channels_last, true)->UseRealTime()->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(argmax_channels, nchw, false)->UseRealTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(confusion)->UseRealTime()->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace tessera
