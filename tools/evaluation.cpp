#include "tools/evaluation.h"

#include <cmath>

#include "core/cuda.h"
#include "core/grad_mode.h"
#include "core/ops.h"
#include "tools/batch_upload.h"
#include "tools/precision.h"

namespace tessera::tools {
namespace {

constexpr size_t kAhead = 16;  // batches that the host may be ahead of a GPU: bounds the memory

// The loss of a batch, where it was computed.
struct BatchLoss {
  Tensor mean;
  double weight;
  std::string first_picture;
};

RunningMean mean_of(const std::vector<BatchLoss>& losses) {
  RunningMean mean;
  for (const BatchLoss& loss : losses) {
    const double value = loss.mean.item<double>();
    check<ValueError>(
        std::isfinite(value),
        "train: the loss is {} on the held-out pictures, first in the batch of {}. Try a smaller --lr or --clip-grad 1.", value,
        loss.first_picture);
    mean.add(value, loss.weight);
  }
  return mean;
}

}  // namespace

std::optional<Evaluation> evaluate(const nn::AnyModule& network, data::DataLoader& loader, const SegmentationLoss& loss,
                                   const EvaluationOptions& options, const AfterBatch& after_batch) {
  const NoGradGuard no_grad;
  const cuda::DeviceGuard device(options.device);
  const BatchUpload upload(options.device);
  network.ptr()->eval();
  const data::ClassInfo& classes = loader.dataset().classes();
  const int64_t count = classes.num_classes();
  const Tensor counts = zeros({count, count}, TensorOptions(options.device).dtype(kInt64));
  std::vector<BatchLoss> losses;
  const PrecisionScope precision(options.device, options.precision);  // around all batches: weights are converted once
  loader.start_epoch(0);
  for (size_t number = 1; const std::optional<data::Batch> batch = loader.next(); ++number) {
    const auto [images, labels] = upload(*batch);
    const Tensor scores = network.forward(images), prediction = scores.argmax(1);
    if (const double weight = loss.weight(batch->labels); weight > 0)
      losses.push_back({loss(scores, labels), weight, batch->names.front()});
    counts.add_(confusion_matrix(labels, prediction, count));
    if (!after_batch(*batch, prediction)) return std::nullopt;
    if (number % kAhead == 0) cuda::synchronize(options.device);
  }
  data::ConfusionMatrix matrix(count, classes.ignore_index);
  matrix.add(counts);
  return Evaluation{mean_of(losses).value(), std::move(matrix)};
}

}  // namespace tessera::tools
