#include "tools/segmentation_loss.h"

#include "core/ops.h"

namespace tessera::tools {

SegmentationLoss::SegmentationLoss(int64_t ignore_index, const std::vector<float>& class_weights, Device device)
    : ignore_index_(ignore_index), class_weights_(class_weights) {
  if (!class_weights.empty()) weights_ = tensor(class_weights).to(device);
}

Tensor SegmentationLoss::operator()(const Tensor& scores, const Tensor& labels) const {
  return cross_entropy(scores, labels, weights_, kMean, ignore_index_);
}

double SegmentationLoss::weight(const Tensor& labels) const {
  const Tensor dense = labels.cpu().contiguous();
  const int64_t* ids = dense.data_ptr<int64_t>();
  double sum = 0;
  for (int64_t i = 0; i < dense.numel(); ++i)
    if (ids[i] != ignore_index_) sum += class_weights_.empty() ? 1.0 : class_weights_[ids[i]];
  return sum;
}

}  // namespace tessera::tools
