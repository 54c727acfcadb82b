#include "tools/train_step.h"

#include <algorithm>
#include <cmath>

#include "core/allocator.h"
#include "core/autograd.h"
#include "core/invalid_target.h"
#include "core/ops.h"
#include "core/random.h"
#include "tools/command.h"
#include "tools/precision.h"

namespace tessera::tools {

TrainStep::TrainStep(const nn::AnyModule& network, const SegmentationLoss& loss, Optimization& optimization,
                     const StepOptions& options)
    : network_(network),
      loss_(loss),
      optimization_(optimization),
      options_(options),
      upload_(options.device),
      failed_(zeros({1}, TensorOptions(options.device).dtype(kBool))) {
  optimization_.skip_where(failed_);
}

bool TrainStep::run(const data::Batch& batch, int64_t epoch, int64_t number) {
  const double weight = loss_.weight(batch.labels);
  if (weight == 0) return false;  // there is no loss, and its mean would be 0 / 0
  const cuda::DeviceGuard guard(options_.device);
  Pending step{batch, epoch, number, default_generator().offset(), weight, {}, {}};
  const DeviceBatch there = upload_(batch);
  const Tensor loss = options_.cuda_graph ? replay(there) : compute(there);
  optimization_.after_step();
  watch(std::move(step), loss);
  return true;
}

// What the device does in a step: no host in it, so that it can be captured.
Tensor TrainStep::compute(const DeviceBatch& batch) {
  optimization_.zero_grad();
  Tensor loss;
  {
    const PrecisionScope precision(options_.device, options_.precision);
    loss = loss_(network_.forward(batch.images), batch.labels);
  }
  {
    const NoGradGuard no_grad;
    failed_.copy_(logical_or(failed_, logical_not(isfinite(loss))));
  }
  loss.backward();
  optimization_.step();
  return loss.detach();
}

TrainStep::Captured::Captured(cuda::MemoryPool pool, const DeviceBatch& like)
    : graph(std::move(pool)), input{empty_like(like.images), empty_like(like.labels)} {}

// The first step of a size runs as it is, which also makes what steps leave behind for the next; the second is captured.
Tensor TrainStep::replay(const DeviceBatch& batch) {
  const std::vector<int64_t> sizes(batch.images.sizes().begin(), batch.images.sizes().end());
  const auto found = graphs_.find(sizes);
  if (found == graphs_.end()) {
    if (graphs_.size() < kMostGraphs) graphs_[sizes] = nullptr;
    return compute(batch);
  }
  std::unique_ptr<Captured>& captured = found->second;
  if (captured == nullptr) {
    empty_cache();  // what the steps before left; the graph brings memory of its own
    cuda::MemoryPool pool;
    for (const auto& [other_sizes, other] : graphs_)
      if (other != nullptr) pool = other->graph.pool();
    captured = std::make_unique<Captured>(pool, batch);
    try {
      captured->graph.capture([&] { captured->loss = compute(captured->input); });
    } catch (const DeviceError& error) {  // a loss or a layer that waits for the device, or memory has run out
      report_error("tessera", fmt::format("train: a step cannot be replayed as a CUDA graph, so steps run one by one, with the same "
                                          "results. The reason is {}",
                                          error.what()));
      options_.cuda_graph = false;
      graphs_.clear();
      return compute(batch);
    }
  }
  captured->input.images.copy_(batch.images);
  captured->input.labels.copy_(batch.labels);
  optimization_.before_replay();
  captured->graph.replay();
  return captured->loss;
}

size_t TrainStep::graphs() const {
  return static_cast<size_t>(
      std::count_if(graphs_.begin(), graphs_.end(), [](const auto& entry) { return entry.second != nullptr; }));
}

void TrainStep::watch(Pending step, const Tensor& loss) {
  step.loss = loss;
  if (loss.is_cuda()) {
    step.loss = zeros({}).pin_memory();
    step.loss.copy_(loss, /*non_blocking=*/true);
    step.arrived.emplace();
    step.arrived->record();
  }
  pending_.push_back(std::move(step));
  while (pending_.size() > (loss.is_cuda() ? kAhead : 0)) finish_first();
}

void TrainStep::finish_first() {
  const Pending& step = pending_.front();
  if (step.arrived) {
    step.arrived->synchronize();
    check_reported_targets();
  }
  const double loss = step.loss.item<double>();
  if (!std::isfinite(loss)) explain_non_finite(step, loss);
  arrived_.push_back({loss, step.weight});
  pending_.pop_front();
}

std::vector<double> TrainStep::collect(RunningMean& mean, bool all) {
  while (all && !pending_.empty()) finish_first();
  std::vector<double> losses;
  for (const Arrived& step : arrived_) {
    mean.add(step.loss, step.weight);
    losses.push_back(step.loss);
  }
  arrived_.clear();
  return losses;
}

void TrainStep::explain_non_finite(const Pending& step, double loss) {
  // The same forward again, its random numbers included, this time looking at every result.
  default_generator().set_state(default_generator().seed(), step.generator_offset);
  autograd::set_detect_anomaly(true);
  std::string where = "No layer's result is, so it is the loss itself.";
  try {
    const PrecisionScope precision(options_.device, options_.precision);
    const DeviceBatch batch = upload_(step.batch);
    loss_(network_.forward(batch.images), batch.labels);
  } catch (const AutogradError& error) {
    where = error.what();
  }
  throw ValueError(
      fmt::format("train: the loss is {} in epoch {}, batch {}. First not finite: {} Try a smaller --lr or --clip-grad 1.", loss,
                  step.epoch, step.number, where));
}

}  // namespace tessera::tools
