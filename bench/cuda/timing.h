// Device time of an op, by replays of a CUDA graph between two events: what the GPU takes, without the host's launches.
#pragma once

#include <memory>
#include <vector>

#include "bench/cuda/row.h"
#include "core/cuda_graph.h"

namespace tessera::bench {

class Timing {
 public:
  // Runs each call twice as usual (workspaces, the choice of an algorithm, the first launch), then records cycles through all of them:
  // about two milliseconds of work. What calls return is kept until the end of its cycle, so that outputs, too, lie in other memory.
  explicit Timing(const std::vector<Call>& calls);
  double replay_us() const;  // microseconds for one call, from one replay

 private:
  cuda::CUDAGraph graph_;
  cuda::Event begin_{/*timing=*/true}, end_{/*timing=*/true};
  double calls_ = 0;  // in the graph
};

// ||a - b|| / ||b|| over all tensors, in float64.
double relative_error(const TensorList& a, const TensorList& b);

}  // namespace tessera::bench
