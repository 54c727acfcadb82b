// log_softmax and cross-entropy on the scores of a dense network, 4 x 21 x 320 x 480, in both memory orders.
// Bytes are those that must move: each tensor once for each pass that reads or writes it.
#include <benchmark/benchmark.h>

#include <cmath>
#include <vector>

#include "kernels/cross_entropy/cross_entropy.h"
#include "kernels/softmax/softmax.h"

namespace tessera::kernels {
namespace {

constexpr int64_t kBatch = 4, kClasses = 21, kHeight = 320, kWidth = 480, kPixels = kBatch * kHeight * kWidth;

template <class T> View contiguous(std::vector<T>& values, std::initializer_list<int64_t> sizes) {
  View view{.data = values.data(), .dtype = scalar_type_v<T>, .ndim = static_cast<int>(sizes.size())};
  std::copy(sizes.begin(), sizes.end(), view.sizes.begin());
  int64_t stride = 1;
  for (int d = view.ndim - 1; d >= 0; --d) {
    view.strides[d] = stride;
    stride *= view.sizes[d];
  }
  return view;
}

// Scores [N, C, H, W]; `channels_last` chooses their memory order.
struct Scores {
  std::vector<float> values;
  View view;
  explicit Scores(bool channels_last) : values(static_cast<size_t>(kPixels * kClasses)) {
    for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i * 2654435761u % 1000) * 0.01f - 5;
    view = contiguous(values, {kBatch, kClasses, kHeight, kWidth});
    if (channels_last) view.strides = {kHeight * kWidth * kClasses, 1, kWidth * kClasses, kClasses};
  }
};

void set_bytes(benchmark::State& state, int64_t bytes) {
  state.SetBytesProcessed(state.iterations() * bytes);
}

void log_softmax_forward(benchmark::State& state) {
  Scores x(state.range(0)), y(state.range(0));
  for (auto _ : state) cpu::log_softmax_forward(y.view, x.view, 1);
  set_bytes(state, kPixels * kClasses * 8);
}
BENCHMARK(log_softmax_forward)->ArgName("channels_last")->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond)->UseRealTime();

void log_softmax_backward(benchmark::State& state) {
  Scores g(state.range(0)), y(state.range(0)), grad(state.range(0));
  for (auto _ : state) cpu::log_softmax_backward(grad.view, g.view, y.view, 1);
  set_bytes(state, kPixels * kClasses * 12);
}
BENCHMARK(log_softmax_backward)->ArgName("channels_last")->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond)->UseRealTime();

struct CrossEntropyProblem {
  Scores logits, grad_logits;
  std::vector<float> losses = std::vector<float>(kPixels), normalizers = losses, total_weights = {0}, grads = {1.0f / kPixels};
  std::vector<int64_t> targets = std::vector<int64_t>(kPixels), invalid = {0};
  View loss = contiguous(losses, {kBatch, kHeight, kWidth}), normalizer = contiguous(normalizers, {kBatch, kHeight, kWidth});
  View target = contiguous(targets, {kBatch, kHeight, kWidth}), grad_loss = contiguous(grads, {kBatch, kHeight, kWidth});
  View total_weight = contiguous(total_weights, {1}), first_invalid = contiguous(invalid, {1});
  CrossEntropyParams params{.ignore_index = 255};

  explicit CrossEntropyProblem(bool channels_last) : logits(channels_last), grad_logits(channels_last) {
    for (size_t i = 0; i < targets.size(); ++i) targets[i] = i % 20 == 0 ? 255 : static_cast<int64_t>(i / 16 % kClasses);
    grad_loss.strides = {0, 0, 0};
  }
  void forward() {
    cpu::cross_entropy_forward(loss, normalizer, total_weight, first_invalid, logits.view, target, View{}, params);
  }
  void backward() { cpu::cross_entropy_backward(grad_logits.view, grad_loss, logits.view, normalizer, target, View{}, params); }
};

void cross_entropy_forward(benchmark::State& state) {
  CrossEntropyProblem problem(state.range(0));
  for (auto _ : state) problem.forward();
  set_bytes(state, kPixels * (kClasses * 4 + 16));
}
BENCHMARK(cross_entropy_forward)->ArgName("channels_last")->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond)->UseRealTime();

void cross_entropy_forward_backward(benchmark::State& state) {
  CrossEntropyProblem problem(state.range(0));
  for (auto _ : state) {
    problem.forward();
    problem.backward();
  }
  set_bytes(state, kPixels * (kClasses * 12 + 28));
}
BENCHMARK(cross_entropy_forward_backward)->ArgName("channels_last")->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace tessera::kernels
