// The loss of a training run, and its mean over batches.
#pragma once

#include <vector>

#include "core/tensor.h"

namespace tessera::tools {

// Cross-entropy over the pixels that are not ignored, classes weighted.
class SegmentationLoss {
 public:
  // `class_weights`: one a class, or empty for all ones.
  SegmentationLoss(int64_t ignore_index, const std::vector<float>& class_weights, Device device);

  // The mean over the pixels of [N, C, H, W] scores with int64 labels [N, H, W].
  Tensor operator()(const Tensor& scores, const Tensor& labels) const;
  // What that mean divides by: the sum of the pixels' class weights, 0 if all are ignored. Labels in host memory cost no waiting.
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

}  // namespace tessera::tools
