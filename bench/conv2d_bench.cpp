// Convolution kernels against oneDNN, in float32, on the shapes of FCN-ResNet and U-Net.
//
// Names: conv2d_{forward,input_grad,weight_grad}/{tessera,onednn}/NxCxHxW_OC_k?s?p?, deconv ones end in _t. Counter: GFLOP/s by
// the arithmetic of the formula. Tessera works on channels-last tensors and packs its weights in every call; oneDNN chooses its
// own layout for all operands (format_tag::any) and gets them in that layout: its best case. Compare the "min" rows of one run:
//   bench --benchmark_filter=conv2d --benchmark_enable_random_interleaving=true --benchmark_repetitions=9
//         --benchmark_report_aggregates_only=true
#include <benchmark/benchmark.h>

#include <algorithm>
#include <string>
#include <unordered_map>
#include <vector>

#include "kernels/conv2d/conv2d.h"

#if TESSERA_ONEDNN
#include <dnnl.hpp>
#endif

namespace tessera {
namespace {

enum class Pass { Forward, InputGrad, WeightGrad };

// A convolution; a transposed one is written as the convolution whose input gradient it is.
struct Shape {
  int64_t images, in, height, width, out, kernel, stride, padding;
  bool transposed = false;

  int64_t out_height() const { return (height + 2 * padding - kernel) / stride + 1; }
  int64_t out_width() const { return (width + 2 * padding - kernel) / stride + 1; }
  double flops() const { return 2.0 * double(images * out_height() * out_width() * out * in * kernel * kernel); }
  std::string name() const {
    const auto join = [](int64_t a, int64_t b, int64_t c, int64_t d) {
      return std::to_string(a) + "x" + std::to_string(b) + "x" + std::to_string(c) + "x" + std::to_string(d);
    };
    const std::string sizes = transposed ? join(images, out, out_height(), out_width()) + "_" + std::to_string(in)
                                         : join(images, in, height, width) + "_" + std::to_string(out);
    return sizes + "_k" + std::to_string(kernel) + "s" + std::to_string(stride) + "p" + std::to_string(padding) +
           (transposed ? "_t" : "");
  }
};

// The transposed convolution of an input N x C x H x W, as above.
Shape transposed(int64_t n, int64_t c, int64_t h, int64_t w, int64_t out, int64_t k, int64_t s, int64_t p) {
  return {n, out, (h - 1) * s - 2 * p + k, (w - 1) * s - 2 * p + k, c, k, s, p, true};
}

const Shape kShapes[] = {
    {1, 32, 256, 512, 32, 3, 1, 1},
    {1, 64, 128, 256, 64, 3, 1, 1},
    {1, 128, 64, 128, 128, 3, 1, 1},
    {1, 256, 32, 64, 256, 3, 1, 1},
    {1, 512, 16, 32, 512, 3, 1, 1},
    {4, 64, 80, 120, 128, 3, 2, 1},
    {4, 3, 320, 480, 64, 7, 2, 3},
    {4, 512, 10, 15, 21, 1, 1, 0},
    transposed(4, 21, 10, 15, 21, 64, 32, 16),
    transposed(1, 12, 44, 60, 12, 16, 8, 4),
    transposed(1, 512, 22, 30, 512, 4, 2, 1),
    transposed(1, 64, 128, 256, 32, 2, 2, 0),
};

double smallest(const std::vector<double>& v) {
  return *std::min_element(v.begin(), v.end());
}

void set_rate(benchmark::State& state, double flops) {
  state.counters["GFLOP/s"] =
      benchmark::Counter(flops * 1e-9, benchmark::Counter::kIsIterationInvariantRate, benchmark::Counter::kIs1000);
}

struct Buffers {
  std::vector<float> input, weight, out;
  explicit Buffers(const Shape& s)
      : input(s.images * s.in * s.height * s.width),
        weight(s.out * s.in * s.kernel * s.kernel),
        out(s.images * s.out * s.out_height() * s.out_width()) {
    for (std::vector<float>* v : {&input, &weight, &out})
      for (size_t i = 0; i < v->size(); ++i) (*v)[i] = float(int(i * 2654435761u >> 20 & 255) - 128) / 256.0f;
  }
};

void run_tessera(benchmark::State& state, const Shape& s, Pass pass) {
  Buffers b(s);
  const auto channels_last = [](std::vector<float>& data, int64_t n, int64_t c, int64_t h, int64_t w) {
    return View{data.data(), kFloat32, 4, {n, c, h, w}, {c * h * w, 1, c * w, c}};
  };
  const View input = channels_last(b.input, s.images, s.in, s.height, s.width);
  const View out = channels_last(b.out, s.images, s.out, s.out_height(), s.out_width());
  const int64_t k = s.kernel;
  const View weight{b.weight.data(), kFloat32, 4, {s.out, s.in, k, k}, {s.in * k * k, k * k, k, 1}};
  const kernels::Conv2dParams params{{s.stride, s.stride}, {s.padding, s.padding}};
  for (auto _ : state) {
    if (pass == Pass::Forward) kernels::cpu::conv2d_forward(out, input, weight, nullptr, params);
    if (pass == Pass::InputGrad) kernels::cpu::conv2d_input_grad(input, out, weight, nullptr, params);
    if (pass == Pass::WeightGrad) kernels::cpu::conv2d_weight_grad(weight, input, out, params);
    benchmark::ClobberMemory();
  }
  set_rate(state, s.flops());
}

#if TESSERA_ONEDNN
void run_onednn(benchmark::State& state, const Shape& s, Pass pass) {
  using namespace dnnl;
  const engine cpu(engine::kind::cpu, 0);
  stream stream(cpu);
  const auto any = [](memory::dims dims) { return memory::desc(dims, memory::data_type::f32, memory::format_tag::any); };
  const memory::desc input = any({s.images, s.in, s.height, s.width}), weight = any({s.out, s.in, s.kernel, s.kernel});
  const memory::desc out = any({s.images, s.out, s.out_height(), s.out_width()});
  const memory::dims stride{s.stride, s.stride}, padding{s.padding, s.padding};
  const auto direct = algorithm::convolution_direct;
  const convolution_forward::primitive_desc forward(
      {prop_kind::forward_training, direct, input, weight, out, stride, padding, padding}, cpu);
  const auto filled = [&](const memory::desc& desc) {
    memory m(desc, cpu);
    std::fill_n(static_cast<float*>(m.get_data_handle()), desc.get_size() / sizeof(float), 0.25f);
    return m;
  };
  primitive primitive;
  std::unordered_map<int, memory> args;
  if (pass == Pass::Forward) {
    primitive = convolution_forward(forward);
    args = {{DNNL_ARG_SRC, filled(forward.src_desc())},
            {DNNL_ARG_WEIGHTS, filled(forward.weights_desc())},
            {DNNL_ARG_DST, filled(forward.dst_desc())}};
  } else if (pass == Pass::InputGrad) {
    const convolution_backward_data::primitive_desc pd({direct, input, weight, out, stride, padding, padding}, cpu, forward);
    primitive = convolution_backward_data(pd);
    args = {{DNNL_ARG_DIFF_SRC, filled(pd.diff_src_desc())},
            {DNNL_ARG_WEIGHTS, filled(pd.weights_desc())},
            {DNNL_ARG_DIFF_DST, filled(pd.diff_dst_desc())}};
  } else {
    const convolution_backward_weights::primitive_desc pd({direct, input, weight, out, stride, padding, padding}, cpu, forward);
    primitive = convolution_backward_weights(pd);
    args = {{DNNL_ARG_SRC, filled(pd.src_desc())},
            {DNNL_ARG_DIFF_WEIGHTS, filled(pd.diff_weights_desc())},
            {DNNL_ARG_DIFF_DST, filled(pd.diff_dst_desc())}};
  }
  for (auto _ : state) {
    primitive.execute(stream, args);
    stream.wait();
  }
  set_rate(state, s.flops());
}
#endif

const bool registered = [] {
  const std::pair<Pass, const char*> passes[] = {
      {Pass::Forward, "forward"}, {Pass::InputGrad, "input_grad"}, {Pass::WeightGrad, "weight_grad"}};
  for (const Shape& s : kShapes)
    for (const auto& [pass, pass_name] : passes) {
      const auto add = [&](const char* who, void (*run)(benchmark::State&, const Shape&, Pass)) {
        const std::string name = std::string("conv2d_") + pass_name + "/" + who + "/" + s.name();
        benchmark::RegisterBenchmark(name.c_str(), run, s, pass)
            ->UseRealTime()
            ->Unit(benchmark::kMillisecond)
            ->ComputeStatistics("min", smallest);
      };
      add("tessera", run_tessera);
#if TESSERA_ONEDNN
      add("onednn", run_onednn);
#endif
    }
  return true;
}();

}  // namespace
}  // namespace tessera
