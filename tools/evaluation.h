// The loss over a data set, and how good the predictions are.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "data/loader.h"
#include "data/metrics.h"
#include "tools/network.h"
#include "tools/segmentation_loss.h"

namespace tessera::tools {

struct Evaluation {
  double loss;
  data::ConfusionMatrix matrix;
};

struct EvaluationOptions {
  Device device = kCPU;
  std::string precision = "fp32";  // tools/precision.h
};

// Called after each batch with the predicted classes, int64 [N, H, W] on the device, which may still be at it. False ends the
// pass.
using AfterBatch = std::function<bool(const data::Batch& batch, const Tensor& prediction)>;

// The network in evaluation mode over one pass of the loader, pixels counted on the device; nothing if `after_batch` ended it.
// The network is left in that mode. Throws ValueError for a loss that is not finite: such a network is no result.
std::optional<Evaluation> evaluate(const nn::AnyModule& network, data::DataLoader& loader, const SegmentationLoss& loss,
                                   const EvaluationOptions& options, const AfterBatch& after_batch);

}  // namespace tessera::tools
