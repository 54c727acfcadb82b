#include "tools/bench/step_bench.h"

#include <algorithm>
#include <chrono>
#include <functional>

#include "core/allocator.h"
#include "core/cuda_graph.h"
#include "core/kernel_profile.h"
#include "core/ops.h"
#include "core/random.h"
#include "models/registry.h"
#include "nn/optim/adam.h"
#include "tools/command.h"
#include "tools/precision.h"

namespace tessera::tools {
namespace {

constexpr int kWarmUp = 3;

// The network with its optimizer and one batch.
class Subject {
 public:
  explicit Subject(const StepBenchOptions& options)
      : options_(options),
        format_(options.channels_last ? kChannelsLast : kContiguous),
        network_(models::make_model(options.model, {.in_channels = options.shape[1],
                                                    .num_classes = options.classes,
                                                    .settings = options.settings})) {
    use_precision(options.precision);
    network_.ptr()->to(options.device);
    network_.ptr()->to(format_);
    const std::vector<int64_t>& s = options.shape;
    images_ = randn(s, TensorOptions(options.device)).contiguous(format_);
    labels_ = randint(options.classes, {s[0], s[2], s[3]}, TensorOptions(options.device));
    optimizer_ = std::make_unique<optim::AdamW>(network_.ptr()->parameters(), optim::AdamWOptions(1e-4));
  }

  void train() {
    optimizer_->zero_grad();
    {
      const PrecisionScope precision(options_.device, options_.precision);
      loss_ = cross_entropy(network_.forward(images_), labels_);
    }
    loss_.backward();
    optimizer_->step();
  }
  void advance() { optimizer_->advance(); }
  double loss() const { return loss_.item<double>(); }

  void set_training(bool on) { network_.ptr()->train(on); }
  Tensor infer(const Tensor& images) {
    const NoGradGuard no_grad;
    const PrecisionScope precision(options_.device, options_.precision);
    return network_.forward(images);
  }
  const Tensor& images() const { return images_; }
  Tensor first_image() const { return images_.narrow(0, 0, 1).clone().contiguous(format_); }

 private:
  const StepBenchOptions& options_;
  const MemoryFormat format_;
  nn::AnyModule network_;
  Tensor images_, labels_, loss_;
  std::unique_ptr<optim::AdamW> optimizer_;
};

// The median time of `work`, in milliseconds: between events on a CUDA device, else on the host's clock.
double median_ms(const StepBenchOptions& options, const std::function<void()>& work) {
  for (int i = 0; i < kWarmUp; ++i) work();
  std::vector<double> times;
  if (options.device.is_cuda()) {
    std::vector<cuda::Event> events;
    for (int64_t i = 0; i <= options.steps; ++i) {
      events.emplace_back(/*timing=*/true);
      events.back().record();
      if (i < options.steps) work();
    }
    events.back().synchronize();
    for (size_t i = 0; i + 1 < events.size(); ++i) times.push_back(events[i].elapsed_time(events[i + 1]));
  } else {
    for (int64_t i = 0; i < options.steps; ++i) {
      const auto begun = std::chrono::steady_clock::now();
      work();
      times.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begun).count());
    }
  }
  std::nth_element(times.begin(), times.begin() + static_cast<int64_t>(times.size() / 2), times.end());
  return times[times.size() / 2];
}

// What to time for `work`: itself, or its replay as a CUDA graph after `advance`. Where it cannot be recorded, a line says why.
std::function<void()> replayed(
    const StepBenchOptions& options, const std::function<void()>& work, const std::function<void()>& advance = [] {}) {
  if (!options.cuda_graph) return work;
  const auto graph = std::make_shared<cuda::CUDAGraph>();
  try {
    graph->capture(work);
  } catch (const DeviceError& error) {
    report_error("tessera", fmt::format("bench: {}: timed without a CUDA graph. {}", options.model, error.what()));
    return work;
  }
  return [graph, advance] {
    advance();
    graph->replay();
  };
}

double time_inference(const StepBenchOptions& options, Subject& subject, const Tensor& images) {
  Tensor scores = subject.infer(images);
  return median_ms(options, replayed(options, [&] { scores = subject.infer(images); }));
}

}  // namespace

StepTimes measure_steps(const StepBenchOptions& options) {
  manual_seed(0);
  const cuda::DeviceGuard guard(options.device);
  empty_cache();
  Subject subject(options);
  StepTimes times;
  subject.train();  // the optimizer's state
  reset_peak_memory_stats(options.device);
  subject.train();
  times.peak_bytes = memory_stats(options.device).peak_allocated;
  times.train_ms = median_ms(options, replayed(
                                          options, [&] { subject.train(); }, [&] { subject.advance(); }));
  times.loss = subject.loss();
  subject.set_training(false);
  times.infer_ms = time_inference(options, subject, subject.images());
  times.infer_b1_ms = time_inference(options, subject, subject.first_image());
  return times;
}

std::string profile_step(const StepBenchOptions& options) {
  manual_seed(0);
  const cuda::DeviceGuard guard(options.device);
  Subject subject(options);
  for (int i = 0; i < kWarmUp; ++i) subject.train();
  cuda::synchronize(options.device);
  const KernelProfile profile;
  subject.train();
  return profile.table();
}

}  // namespace tessera::tools
