// CUDA kernels one by one against cuDNN, the machine's limits and PyTorch's figures.
//
//     cmake --preset cuda -DTESSERA_BENCH=ON && cmake --build --preset cuda --target tessera_bench_cuda
//     tessera_bench_cuda [--table FILE] [--anchors FILE] [Google Benchmark's flags, such as --benchmark_filter=conv3x3s1]
//
// Each row KEY is measured by Tessera's kernels and, where cuDNN has the op, as KEY/cudnn by cuDNN's, right after it. Before that the
// two results are compared: a row whose results differ is an error, not a figure. Counters: us (median of 10 replays), TFLOP/s or GB/s.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <iostream>

#include "bench/cuda/table.h"
#include "bench/cuda/timing.h"
#include "core/allocator.h"
#include "core/kernel_table.h"

namespace tessera::bench {
namespace {

constexpr int kReplays = 10;

std::map<std::string, Measured>& measured() {
  static std::map<std::string, Measured> all;
  return all;
}

void measure(benchmark::State& state, const Row& row, bool by_cudnn) try {
  empty_cache();
  const std::vector<Call> calls = row.prepare();
  if (by_cudnn) {
    const TensorList ours = calls[0]();
    set_kernels(row.cudnn);
    const double error = relative_error(calls[0](), ours);
    if (!(error <= row.tolerance)) throw std::runtime_error(fmt::format("{}: cuDNN's result is {} off", row.key, error));
  }
  std::vector<double> times;
  {
    const Timing timing(calls);
    for (auto _ : state) {
      times.push_back(timing.replay_us());
      state.SetIterationTime(times.back() * 1e-6);
    }
  }
  set_kernels("");
  std::nth_element(times.begin(), times.begin() + kReplays / 2, times.end());
  const double us = times[kReplays / 2];
  (by_cudnn ? measured()[row.key].cudnn_us : measured()[row.key].us) = us;
  state.counters["us"] = us;
  if (row.flops > 0) state.counters["TFLOP/s"] = row.flops / us * 1e-6;
  if (row.bytes > 0) state.counters["GB/s"] = row.bytes / us * 1e-3;
} catch (const std::exception& error) {
  set_kernels("");
  state.SkipWithError(error.what());
}

int run(int argc, char** argv) {
  std::string command = "tessera_bench_cuda";
  for (int i = 1; i < argc; ++i) command += std::string(" ") + argv[i];
  CLI::App app;
  app.set_help_flag();  // --help is Google Benchmark's, as is all that this program does not know
  app.allow_extras();
  std::string table, anchors;
  app.add_option("--table", table);
  app.add_option("--anchors", anchors);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  std::vector<std::string> rest = app.remaining();
  rest.insert(rest.begin(), argv[0]);
  std::vector<char*> args;
  for (std::string& text : rest) args.push_back(text.data());
  int count = static_cast<int>(args.size());
  benchmark::Initialize(&count, args.data());
  if (benchmark::ReportUnrecognizedArguments(count, args.data())) return 2;
  kernels::cuda::require_device(0);

  std::vector<Row> rows;
  for (const auto& family : {ceiling_rows(), memory_bound_rows(), convolution_rows()}) rows.insert(rows.end(), family.begin(), family.end());
  for (const Row& row : rows)
    for (const bool by_cudnn : {false, true}) {
      if (by_cudnn && row.cudnn.empty()) continue;
      benchmark::RegisterBenchmark((row.key + (by_cudnn ? "/cudnn" : "")).c_str(),
                                   [&row, by_cudnn](benchmark::State& state) { measure(state, row, by_cudnn); })
          ->Iterations(kReplays)
          ->UseManualTime()
          ->Unit(benchmark::kMicrosecond);
    }
  benchmark::RunSpecifiedBenchmarks();
  if (!table.empty()) write_table(table, rows, measured(), anchors, command);
  return 0;
}

}  // namespace
}  // namespace tessera::bench

int main(int argc, char** argv) try {
  return tessera::bench::run(argc, argv);
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
