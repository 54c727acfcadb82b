#include "tools/train_step.h"

#include <cmath>

#include "core/autograd.h"
#include "core/ops.h"
#include "core/random.h"

namespace tessera::tools {
namespace {

[[noreturn]] void fail(double loss, int64_t epoch, int64_t number, const std::string& where) {
  throw ValueError(fmt::format("train: the loss is {} in epoch {}, batch {}. {} Try a smaller --lr or --clip-grad 1.", loss,
                               epoch, number, where));
}

}  // namespace

TrainStep::TrainStep(const nn::AnyModule& network, const SegmentationLoss& loss, Optimization& optimization, Device device)
    : network_(network), loss_(loss), optimization_(optimization), device_(device) {}

bool TrainStep::run(const data::Batch& batch, int64_t epoch, int64_t number) {
  const double weight = loss_.weight(batch.labels);
  if (weight == 0) return false;  // there is no loss, and its mean would be 0 / 0
  const uint64_t generator_offset = default_generator().offset();
  optimization_.zero_grad();
  const Tensor loss = loss_(network_.forward(batch.images.to(device_)), batch.labels.to(device_));
  pending_.push_back({loss.detach(), weight, epoch, number});
  if (device_.is_cpu()) {
    const double value = loss.item<double>();
    if (!std::isfinite(value)) explain_non_finite(batch, pending_.back(), value, generator_offset);
  }
  loss.backward();
  optimization_.step();
  optimization_.after_step();
  return true;
}

std::vector<double> TrainStep::collect(RunningMean& mean) {
  std::vector<double> losses;
  for (const Pending& step : pending_) {
    const double loss = step.loss.item<double>();
    if (!std::isfinite(loss)) fail(loss, step.epoch, step.number, "--detect-anomaly names the layer.");
    mean.add(loss, step.weight);
    losses.push_back(loss);
  }
  pending_.clear();
  return losses;
}

void TrainStep::explain_non_finite(const data::Batch& batch, const Pending& step, double loss, uint64_t generator_offset) {
  // The same forward again, its random numbers included, this time looking at every result.
  default_generator().set_state(default_generator().seed(), generator_offset);
  autograd::set_detect_anomaly(true);
  std::string where = "No layer's result is, so it is the loss itself.";
  try {
    loss_(network_.forward(batch.images.to(device_)), batch.labels.to(device_));
  } catch (const AutogradError& error) {
    where = error.what();
  }
  fail(loss, step.epoch, step.number, fmt::format("First not finite: {}", where));
}

}  // namespace tessera::tools
