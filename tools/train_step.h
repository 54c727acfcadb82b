// One step of training.
#pragma once

#include <vector>

#include "data/batch.h"
#include "nn/any_module.h"
#include "tools/optimization.h"
#include "tools/segmentation_loss.h"

namespace tessera::tools {

// Forward, loss, backward and the optimizer's step. Losses stay where they were computed until collect() asks for them: on an
// accelerator nothing else waits, so that the host can run ahead by as many steps as the loop likes.
class TrainStep {
 public:
  // All of it must outlive this.
  TrainStep(const nn::AnyModule& network, const SegmentationLoss& loss, Optimization& optimization, Device device);

  // One step on batch `number` (from 1) of `epoch`; false, and nothing done, where all pixels are ignored. Throws ValueError for a
  // loss that is not finite, naming the layer, where looking costs nothing: on the CPU.
  bool run(const data::Batch& batch, int64_t epoch, int64_t number);

  // How many losses wait.
  int64_t pending() const { return static_cast<int64_t>(pending_.size()); }
  // The number of steps after which the loop should collect: 1 on the CPU.
  int64_t steps_ahead() const { return device_.is_cpu() ? 1 : 50; }
  // Adds the losses since the last call to `mean`, in their order: the sum does not depend on when this is called. Returns them.
  // Throws ValueError for one that is not finite.
  std::vector<double> collect(RunningMean& mean);

 private:
  struct Pending {
    Tensor loss;  // 0-d
    double weight;
    int64_t epoch, number;
  };
  [[noreturn]] void explain_non_finite(const data::Batch& batch, const Pending& step, double loss, uint64_t generator_offset);

  const nn::AnyModule& network_;
  const SegmentationLoss& loss_;
  Optimization& optimization_;
  Device device_;
  std::vector<Pending> pending_;
};

}  // namespace tessera::tools
