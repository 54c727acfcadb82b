// The loss over a data set, and how good the predictions are.
#pragma once

#include "data/loader.h"
#include "data/metrics.h"
#include "tools/network.h"

namespace tessera::tools {

// Cross-entropy over the pixels that are not ignored, classes weighted.
class SegmentationLoss {
 public:
  // `class_weights`: one a class, or empty for all ones.
  SegmentationLoss(int64_t ignore_index, const std::vector<float>& class_weights, Device device);

  // The mean over the pixels of [N, C, H, W] scores with int64 labels [N, H, W].
  Tensor operator()(const Tensor& scores, const Tensor& labels) const;
  // What that mean divides by: the sum of the pixels' class weights, 0 if all are ignored.
  double weight(const Tensor& labels) const;

 private:
  int64_t ignore_index_;
  std::vector<float> class_weights_;
  Tensor weights_;
};

// A mean over batches of unequal weight. The fields are saved in checkpoints.
struct RunningMean {
  double sum = 0, weight = 0;
  void add(double mean, double of_weight) {
    sum += mean * of_weight;
    weight += of_weight;
  }
  double value() const { return sum / weight; }  // NaN if nothing was added
};

struct Evaluation {
  double loss;
  data::ConfusionMatrix matrix;
};

// The network in evaluation mode over one pass of the loader. `after_batch(pictures)` is called after each batch; the pass ends
// early, without a result, when it returns false. The network is left in evaluation mode. Throws ValueError for a loss that is
// not finite: such a network is no result.
std::optional<Evaluation> evaluate(const nn::AnyModule& network, data::DataLoader& loader, const SegmentationLoss& loss,
                                   Device device, const std::function<bool(int64_t)>& after_batch);

}  // namespace tessera::tools
