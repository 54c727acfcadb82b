// The matrix product kernel against oneDNN's sgemm, in float32: matmul/{tessera,onednn}/MxNxK, row-major factors ("_t": b
// transposed, as in a linear layer). See conv2d_bench.cpp for how to compare.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <string>
#include <vector>

#include "kernels/matmul/matmul.h"

#if TESSERA_ONEDNN
#include <dnnl.h>
#endif

namespace tessera {
namespace {

struct Shape {
  int64_t m, n, k;
  bool b_transposed;
};

const Shape kShapes[] = {{2048, 2048, 2048, false}, {256, 256, 256, false}, {64, 64, 64, false}, {8, 8, 8, false},
                         {32, 1000, 512, true},     {1, 1000, 512, true},   {16, 32, 512, true}, {9600, 64, 576, false}};

double smallest(const std::vector<double>& v) {
  return *std::min_element(v.begin(), v.end());
}

void run(benchmark::State& state, const Shape& s, bool peer) {
  std::vector<float> a(s.m * s.k, 0.5f), b(s.k * s.n, 0.25f), out(s.m * s.n);
  const View left{a.data(), kFloat32, 3, {1, s.m, s.k}, {s.m * s.k, s.k, 1}},
      to{out.data(), kFloat32, 3, {1, s.m, s.n}, {0, s.n, 1}};
  const View right{b.data(), kFloat32, 3, {1, s.k, s.n}, {s.k * s.n, s.b_transposed ? 1 : s.n, s.b_transposed ? s.k : 1}};
  for (auto _ : state) {
    if (!peer) kernels::cpu::matmul(to, left, right, {});
#if TESSERA_ONEDNN
    else
      dnnl_sgemm('N', s.b_transposed ? 'T' : 'N', s.m, s.n, s.k, 1, a.data(), s.k, b.data(), s.b_transposed ? s.k : s.n, 0,
                 out.data(), s.n);
#endif
    benchmark::ClobberMemory();
  }
  state.counters["GFLOP/s"] = benchmark::Counter(2e-9 * double(s.m * s.n * s.k), benchmark::Counter::kIsIterationInvariantRate,
                                                 benchmark::Counter::kIs1000);
}

const bool registered = [] {
  for (const Shape& s : kShapes)
    for (bool peer : {false, true}) {
#if !TESSERA_ONEDNN
      if (peer) continue;
#endif
      const std::string name = std::string("matmul/") + (peer ? "onednn/" : "tessera/") + std::to_string(s.m) + "x" +
                               std::to_string(s.n) + "x" + std::to_string(s.k) + (s.b_transposed ? "_t" : "");
      benchmark::RegisterBenchmark(name.c_str(), run, s, peer)
          ->UseRealTime()
          ->Unit(benchmark::kMicrosecond)
          ->ComputeStatistics("min", smallest);
    }
  return true;
}();

}  // namespace
}  // namespace tessera
