// The loss of a training run, and its mean over batches.
#pragma once

#include <vector>

#include "core/tensor.h"
#include "tools/options/loss_options.h"

namespace tessera::tools {

// The sum that --loss names, over the pixels that are not ignored, classes weighted.
class SegmentationLoss {
 public:
  // `class_weights`: one a class, or empty for all ones.
  SegmentationLoss(const LossOptions& options, int64_t ignore_index, const std::vector<float>& class_weights, Device device);

  // Of [N, C, H, W] scores with int64 labels [N, H, W]; 0-d.
  Tensor operator()(const Tensor& scores, const Tensor& labels) const;
  // What a batch weighs in the mean over batches: what cross-entropy's mean divides by, the sum of the pixels' class weights; 0 if
  // all are ignored. Labels in host memory cost no waiting.
  double weight(const Tensor& labels) const;

 private:
  Tensor term(const std::string& name, const Tensor& scores, const Tensor& labels) const;

  LossOptions options_;
  std::vector<LossTerm> terms_;
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

}  // namespace tessera::tools
