// Elementwise kernels on an activation of a small FCN, [4, 64, 160, 240] float32: bytes read and written a second.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <vector>

#include "kernels/elementwise/elementwise.h"

namespace tessera::kernels {
namespace {

constexpr int64_t kN = 4, kC = 64, kH = 160, kW = 240, kCount = kN * kC * kH * kW;

View nchw(std::vector<float>& memory) {
  return {memory.data(), kFloat32, 4, {kN, kC, kH, kW}, {kC * kH * kW, kH * kW, kW, 1}};
}
View channels_last(std::vector<float>& memory) {
  return {memory.data(), kFloat32, 4, {kN, kC, kH, kW}, {kC * kH * kW, 1, kW * kC, kC}};
}

void count_bytes(benchmark::State& state, int64_t tensors) {
  state.SetBytesProcessed(state.iterations() * tensors * kCount * static_cast<int64_t>(sizeof(float)));
}

void unary_bench(benchmark::State& state, UnaryOp op) {
  std::vector<float> in(kCount, 0.7f), out(kCount);
  for (auto _ : state) cpu::unary(nchw(out), nchw(in), op, {});
  count_bytes(state, 2);
}

void add_bench(benchmark::State& state) {
  std::vector<float> a(kCount, 0.7f), b(kCount, 0.3f), out(kCount);
  for (auto _ : state) cpu::binary(nchw(out), nchw(a), nchw(b), BinaryOp::Add, 1);
  count_bytes(state, 3);
}

void add_bias_bench(benchmark::State& state) {
  std::vector<float> a(kCount, 0.7f), bias(kC, 0.3f), out(kCount);
  const View b{bias.data(), kFloat32, 4, {kN, kC, kH, kW}, {0, 1, 0, 0}};
  for (auto _ : state) cpu::binary(channels_last(out), channels_last(a), b, BinaryOp::Add, 1);
  count_bytes(state, 2);
}

void to_channels_last_bench(benchmark::State& state) {
  std::vector<float> in(kCount, 0.7f), out(kCount);
  for (auto _ : state) cpu::copy(channels_last(out), nchw(in));
  count_bytes(state, 2);
}

void to_nchw_bench(benchmark::State& state) {
  std::vector<float> in(kCount, 0.7f), out(kCount);
  for (auto _ : state) cpu::copy(nchw(out), channels_last(in));
  count_bytes(state, 2);
}

BENCHMARK_CAPTURE(unary_bench, relu, UnaryOp::Relu)->Name("elementwise/relu")->UseRealTime();
BENCHMARK_CAPTURE(unary_bench, exp, UnaryOp::Exp)->Name("elementwise/exp")->UseRealTime();
BENCHMARK_CAPTURE(unary_bench, sigmoid, UnaryOp::Sigmoid)->Name("elementwise/sigmoid")->UseRealTime();
BENCHMARK_CAPTURE(unary_bench, gelu, UnaryOp::Gelu)->Name("elementwise/gelu")->UseRealTime();
BENCHMARK(add_bench)->Name("elementwise/add")->UseRealTime();
BENCHMARK(add_bias_bench)->Name("elementwise/add_bias_channels_last")->UseRealTime();
BENCHMARK(to_channels_last_bench)->Name("elementwise/copy_to_channels_last")->UseRealTime();
BENCHMARK(to_nchw_bench)->Name("elementwise/copy_to_nchw")->UseRealTime();

}  // namespace
}  // namespace tessera::kernels
