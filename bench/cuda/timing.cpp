#include "bench/cuda/timing.h"

#include <algorithm>
#include <cmath>

#include "core/grad_mode.h"
#include "core/ops.h"

namespace tessera::bench {

Timing::Timing(const std::vector<Call>& calls) {
  const auto cycle = [&] {
    std::vector<TensorList> results;
    for (const Call& call : calls) results.push_back(call());
  };
  cycle();
  begin_.record();
  cycle();
  end_.record();
  end_.synchronize();
  const int cycles = std::clamp(static_cast<int>(2 / std::max(0.01f, begin_.elapsed_time(end_))), 1, 20);
  graph_.capture([&] {
    for (int i = 0; i < cycles; ++i) cycle();
  });
  calls_ = double(cycles) * double(calls.size());
  graph_.replay();
  cuda::synchronize();
}

double Timing::replay_us() const {
  begin_.record();
  graph_.replay();
  end_.record();
  end_.synchronize();
  return 1e3 * begin_.elapsed_time(end_) / calls_;
}

double relative_error(const TensorList& a, const TensorList& b) {
  const NoGradGuard no_grad;
  double difference = 0, norm = 0;
  for (size_t i = 0; i < b.size(); ++i) {
    const Tensor expected = b[i].to(kFloat64);
    difference += (a[i].to(kFloat64) - expected).square().sum().item<double>();
    norm += expected.square().sum().item<double>();
  }
  return std::sqrt(difference / norm);
}

}  // namespace tessera::bench
