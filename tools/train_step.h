// One step of training.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/cuda_graph.h"
#include "nn/any_module.h"
#include "tools/batch_upload.h"
#include "tools/optimization.h"
#include "tools/segmentation_loss.h"

namespace tessera::tools {

struct StepOptions {
  Device device = kCPU;
  std::string precision = "fp32";  // tools/precision.h
  bool cuda_graph = false;         // on a CUDA device: replay steps as CUDA graphs
};

// Forward, loss, backward and the optimizer's step. On an accelerator nothing waits: the host queues a step and goes on, at most
// kAhead steps ahead, and the losses are read when they are there. A loss that is not finite stops the run: from that step on the
// optimizer changes nothing (a flag on the device), so that the step can be looked into when the host comes to know of it.
//
// With CUDA graphs the first step on batches of a size runs as it is, the second is recorded, and it and all later ones are replays,
// with the same bits. kMostGraphs sizes have graphs, which share their memory; steps on other sizes run as they are. Where a step
// cannot be recorded all do, and one line on stderr says why.
class TrainStep {
 public:
  static constexpr size_t kMostGraphs = 4;  // data of ever new sizes is not worth more

  // All of it must outlive this.
  TrainStep(const nn::AnyModule& network, const SegmentationLoss& loss, Optimization& optimization, const StepOptions& options);

  // Queues a step on batch `number` (from 1) of `epoch`; false, and nothing done, where all pixels are ignored. Throws ValueError,
  // naming the layer, for a loss of an earlier step that is not finite.
  bool run(const data::Batch& batch, int64_t epoch, int64_t number);

  // Adds the losses that have arrived since the last call to `mean`, in the order of the steps, and returns them; with `all` waits
  // for those under way. Throws as run().
  std::vector<double> collect(RunningMean& mean, bool all);
  size_t graphs() const;  // how many sizes of batch have one

 private:
  static constexpr size_t kAhead = 2;

  // A step under way, and what is needed to explain it.
  struct Pending {
    data::Batch batch;
    int64_t epoch, number;
    uint64_t generator_offset;
    double weight;
    Tensor loss;                        // 0-d, in host memory once `arrived`
    std::optional<cuda::Event> arrived;  // none on the cpu
  };
  struct Arrived {
    double loss, weight;
  };
  // A captured step on batches of one size.
  struct Captured {
    Captured(cuda::MemoryPool pool, const DeviceBatch& like);
    cuda::CUDAGraph graph;
    DeviceBatch input;
    Tensor loss;
  };

  Tensor compute(const DeviceBatch& batch);
  Tensor replay(const DeviceBatch& batch);
  void watch(Pending step, const Tensor& loss);
  void finish_first();
  [[noreturn]] void explain_non_finite(const Pending& step, double loss);

  const nn::AnyModule& network_;
  const SegmentationLoss& loss_;
  Optimization& optimization_;
  StepOptions options_;
  const BatchUpload upload_;
  Tensor failed_;  // bool: a loss was not finite
  std::map<std::vector<int64_t>, std::unique_ptr<Captured>> graphs_;  // by the images' shape; null for one that was met once
  std::deque<Pending> pending_;
  std::vector<Arrived> arrived_;
};

}  // namespace tessera::tools
