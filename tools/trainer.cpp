#include "tools/trainer.h"

#include <fmt/format.h>
#include <omp.h>

#include <limits>

#include "core/autograd.h"
#include "core/random.h"
#include "nn/serialize/state_dict.h"
#include "tools/command.h"
#include "tools/interrupt.h"
#include "tools/progress_bar.h"
#include "tools/report.h"
#include "tools/weights.h"

namespace tessera::tools {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

void say(const std::string& text) {  // at once, also into a pipe
  fmt::print("{}", text);
  std::fflush(stdout);
}

int64_t count_parameters(const nn::Module& module) {
  int64_t count = 0;
  for (const Tensor& parameter : module.parameters()) count += parameter.numel();
  return count;
}

std::vector<float> class_weights(const LossOptions& options, const data::Dataset& dataset) {
  return options.class_weights == "median" ? median_frequency_weights(dataset) : std::vector<float>();
}

nn::AnyModule network_on(Device device, const NetworkConfig& config) {
  nn::AnyModule network = make_network(config);
  network.ptr()->to(device);
  return network;
}

// Of training, which shuffles, or validation.
data::LoaderOptions loader_options(const TrainOptions& o, int64_t batch_size, bool shuffle) {
  return {.batch_size = batch_size,
          .shuffle = shuffle,
          .workers = static_cast<int>(o.loader.workers),
          .drop_last = shuffle && o.loader.drop_last,
          .seed = o.optimization.seed};
}

// Settings that the members' construction depends on: threads and the seed of the network's first weights.
TrainOptions prepared(TrainOptions options) {
  if (options.device.threads > 0) omp_set_num_threads(static_cast<int>(options.device.threads));
  manual_seed(options.optimization.seed);
  autograd::set_detect_anomaly(options.device.detect_anomaly);
  return options;
}

}  // namespace

Trainer::Trainer(TrainOptions options, const std::optional<Checkpoint>& checkpoint, const std::string& checkpoint_file)
    : options_(prepared(std::move(options))),
      folder_(options_.run.output),
      device_(options_.device.device),
      data_(open_datasets(options_.data, *options_.optimization.batch_size, options_.optimization.seed)),
      network_config_(network_config(options_.network, *options_.data.classes)),
      network_(network_on(device_, network_config_)),
      loss_(*options_.data.ignore_index, class_weights(options_.loss, *data_.train), device_),
      train_loader_(data_.train, loader_options(options_, *options_.optimization.batch_size, /*shuffle=*/true)),
      val_loader_(data_.val, loader_options(options_, data_.val_batch_size, /*shuffle=*/false)),
      optimization_(*network_.ptr(), options_.optimization, train_loader_.batches()),
      step_(network_, loss_, optimization_, device_) {
  if (checkpoint)
    take_up(*checkpoint, checkpoint_file);
  else if (!options_.network.weights.empty())
    weights_report_ = take_weights(*network_.ptr(), options_.network.model, options_.network.weights, options_.network.partial);
}

void Trainer::take_up(const Checkpoint& checkpoint, const std::string& file) {
  load_model(*network_.ptr(), checkpoint.model, file);
  optimization_.load(checkpoint, file);
  default_generator().set_state(checkpoint.generator_seed, checkpoint.generator_offset);
  progress_ = checkpoint.progress;
  check<FileError>(progress_.batch <= train_loader_.batches(),
                   "train: {} stopped at batch {} of an epoch, which now has {}. Resume with the data it was trained on.", file,
                   progress_.batch, train_loader_.batches());
}

void Trainer::run() {
  const InterruptGuard guard;
  folder_.make();
  folder_.write_config(options_);
  say(fmt::format("{}  {}\n  {} with {} parameters\n{}", describe(options_), data_.explanation, options_.network.model,
                  count_parameters(*network_.ptr()), weights_report_));
  for (const std::string& problem : data_.left_out) say(fmt::format("  left out: {}\n", problem));
  // A run that was killed may have saved an epoch and not yet written it.
  if (!progress_.history.empty()) folder_.write_metrics(progress_, classes());
  if (progress_.step > 0) say(fmt::format("  resumed after {} epochs and {} batches\n", progress_.epoch, progress_.batch));
  while (progress_.epoch < epochs()) {
    train_epoch();
    finish_epoch();
  }
  finish_run();
}

void Trainer::train_epoch() {
  network_.ptr()->train();
  const int64_t pictures = data_.train->size();
  const int64_t before = std::min(pictures, progress_.batch * *options_.optimization.batch_size);
  ProgressBar bar(fmt::format("Epoch {}/{}", progress_.epoch + 1, epochs()), pictures, before);
  train_loader_.start_epoch(progress_.epoch, progress_.batch);
  while (const std::optional<data::Batch> batch = train_loader_.next()) {
    if (step_.run(*batch, progress_.epoch + 1, progress_.batch + 1)) ++progress_.step;
    ++progress_.batch;
    if (step_.pending() >= step_.steps_ahead()) step_.collect(progress_.train_loss);
    bar.advance(batch->labels.size(0), fmt::format("loss={:.4g}", progress_.train_loss.value()));
    if (interrupted()) stop();
  }
  step_.collect(progress_.train_loss);
  pictures_per_second_ = bar.speed();
}

void Trainer::validate(EpochRecord& record) {
  ProgressBar bar(fmt::format("Validation {}/{}", record.epoch, epochs()), data_.val->size());
  const auto result = evaluate(network_, val_loader_, loss_, device_, [&](const data::Batch& batch, const Tensor&) {
    bar.advance(batch.labels.size(0));
    return !interrupted();
  });
  if (!result) stop();
  record.val_loss = result->loss;
  record.pixel_accuracy = result->matrix.pixel_accuracy();
  record.mean_iou = result->matrix.mean_iou();
  record.class_iou = result->matrix.class_iou();
}

void Trainer::finish_epoch() {
  EpochRecord record{.epoch = progress_.epoch + 1,
                     .step = progress_.step,
                     .lr = optimization_.lr(),
                     .train_loss = progress_.train_loss.value(),
                     .val_loss = kNaN,
                     .pixel_accuracy = kNaN,
                     .mean_iou = kNaN,
                     .class_iou = std::vector<double>(*options_.data.classes, kNaN)};
  if (record.epoch % options_.run.val_every == 0 || record.epoch == epochs()) validate(record);
  optimization_.end_epoch(record.val_loss);
  progress_.epoch = record.epoch;
  progress_.batch = 0;
  progress_.train_loss = {};
  const bool best = record.mean_iou > progress_.best_mean_iou();
  progress_.history.push_back(record);
  if (best) progress_.best_epoch = record.epoch;
  // Best before last: a run that is killed in between does this epoch again. The other way round it would go on after an epoch
  // that it believes to be kept, and is not.
  const Checkpoint state = checkpoint();
  if (best) save_checkpoint(folder_.best(), state);
  save_checkpoint(folder_.last(), state);
  folder_.write_metrics(progress_, classes());
  say(epoch_line(record, epochs(), pictures_per_second_, best));
}

void Trainer::finish_run() {
  if (progress_.best_epoch == 0) {
    say(fmt::format("Wrote {}. No epoch is best: no pixel of the held-out labels belongs to a class.\n", folder_.last()));
    return;
  }
  say(class_table(progress_.history[progress_.best_epoch - 1], classes().names));
  folder_.write_predictions(*data_.val, options_.data.is_shapes(), device_);
  say(fmt::format("Wrote {} (best epoch {}, mIoU {:.4f}) and {}\n", folder_.best(), progress_.best_epoch,
                  progress_.best_mean_iou(), folder_.predictions()));
}

void Trainer::stop() {
  step_.collect(progress_.train_loss);
  save_checkpoint(folder_.last(), checkpoint());
  say(fmt::format("Interrupted in epoch {} after {} batches; saved {}\nGo on with: tessera train --resume -o {}\n",
                  progress_.epoch + 1, progress_.batch, folder_.last(), folder_.folder()));
  throw Exit{kInterrupted};
}

Checkpoint Trainer::checkpoint() const {
  Checkpoint checkpoint;
  checkpoint.network = network_config_;
  checkpoint.classes = classes();
  checkpoint.options = options_;
  checkpoint.progress = progress_;
  checkpoint.generator_seed = default_generator().seed();
  checkpoint.generator_offset = default_generator().offset();
  checkpoint.model = nn::state_dict(*network_.ptr());
  optimization_.save(checkpoint);
  return checkpoint;
}

}  // namespace tessera::tools
