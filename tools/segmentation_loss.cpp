#include "tools/segmentation_loss.h"

#include "core/ops.h"

namespace tessera::tools {

SegmentationLoss::SegmentationLoss(const LossOptions& options, int64_t ignore_index, const std::vector<float>& class_weights,
                                   Device device)
    : options_(options), terms_(parse_loss(options.loss)), ignore_index_(ignore_index), class_weights_(class_weights) {
  if (!class_weights.empty()) weights_ = tensor(class_weights).to(device);
}

Tensor SegmentationLoss::term(const std::string& name, const Tensor& scores, const Tensor& labels) const {
  if (name == "focal") return focal_loss(scores, labels, weights_, options_.focal_alpha, options_.focal_gamma, ignore_index_);
  if (name == "dice") return dice_loss(scores, labels, options_.dice_beta, /*smooth=*/1e-5, ignore_index_);
  return cross_entropy(scores, labels, weights_, kMean, ignore_index_, options_.label_smoothing);
}

Tensor SegmentationLoss::operator()(const Tensor& scores, const Tensor& labels) const {
  Tensor sum;
  for (const LossTerm& each : terms_) {
    Tensor loss = term(each.name, scores, labels);
    if (each.weight != 1) loss = mul(loss, each.weight);
    sum = sum.defined() ? add(sum, loss) : loss;
  }
  return sum;
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
