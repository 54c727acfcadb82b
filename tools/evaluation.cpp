#include "tools/evaluation.h"

#include <cmath>

#include "core/grad_mode.h"
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

std::optional<Evaluation> evaluate(const nn::AnyModule& network, data::DataLoader& loader, const SegmentationLoss& loss,
                                   Device device, const std::function<bool(int64_t)>& after_batch) {
  const NoGradGuard no_grad;
  network.ptr()->eval();
  RunningMean mean;
  const data::ClassInfo& classes = loader.dataset().classes();
  data::ConfusionMatrix matrix(classes.num_classes(), classes.ignore_index);
  loader.start_epoch(0);
  while (const std::optional<data::Batch> batch = loader.next()) {
    const Tensor scores = network.forward(batch->images.to(device));
    const Tensor labels = batch->labels.to(device);
    if (const double weight = loss.weight(batch->labels); weight > 0) {
      const double value = loss(scores, labels).item<double>();
      check<ValueError>(
          std::isfinite(value),
          "train: the loss is {} on the held-out pictures, first in the batch of {}. Try a smaller --lr or --clip-grad 1.", value,
          batch->names.front());
      mean.add(value, weight);
    }
    matrix.update(batch->labels, scores.argmax(1).cpu());
    if (!after_batch(batch->labels.size(0))) return std::nullopt;
  }
  return Evaluation{mean.value(), std::move(matrix)};
}

}  // namespace tessera::tools
