#include "tools/evaluation.h"

#include <cmath>

#include "core/grad_mode.h"
#include "core/ops.h"

namespace tessera::tools {

std::optional<Evaluation> evaluate(const nn::AnyModule& network, data::DataLoader& loader, const SegmentationLoss& loss,
                                   Device device, const AfterBatch& after_batch) {
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
    const Tensor prediction = scores.argmax(1).cpu();
    matrix.update(batch->labels, prediction);
    if (!after_batch(*batch, prediction)) return std::nullopt;
  }
  return Evaluation{mean.value(), std::move(matrix)};
}

}  // namespace tessera::tools
