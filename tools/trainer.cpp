#include "tools/trainer.h"

#include <fmt/format.h>
#include <omp.h>

#include <cmath>
#include <limits>

#include "core/autograd.h"
#include "core/ops.h"
#include "core/random.h"
#include "data/file.h"
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

void write_text(const std::string& file, const std::string& text) {
  data::write_file("train", file, {reinterpret_cast<const uint8_t*>(text.data()), text.size()});
}

int64_t count_parameters(const nn::Module& module) {
  int64_t count = 0;
  for (const Tensor& parameter : module.parameters()) count += parameter.numel();
  return count;
}

std::vector<float> class_weights(const TrainOptions& options, const data::Dataset& dataset) {
  return options.class_weights == "median" ? median_frequency_weights(dataset) : std::vector<float>();
}

NetworkConfig network_config(const TrainOptions& o) {
  NetworkConfig config{o.model, o.setting, *o.classes};
  if (o.feature_scale) config.settings["feature_scale"] = std::to_string(*o.feature_scale);
  if (o.deconv) config.settings["is_deconv"] = *o.deconv ? "true" : "false";
  if (o.batchnorm) config.settings["is_batchnorm"] = *o.batchnorm ? "true" : "false";
  return config;
}

// Settings that the members' construction depends on: threads and the seed of the network's first weights.
TrainOptions prepared(TrainOptions options) {
  if (options.threads > 0) omp_set_num_threads(static_cast<int>(options.threads));
  manual_seed(options.seed);
  autograd::set_detect_anomaly(options.detect_anomaly);
  return options;
}

}  // namespace

Trainer::Trainer(TrainOptions options, const std::optional<Checkpoint>& checkpoint, const std::string& checkpoint_file)
    : options_(prepared(std::move(options))),
      device_(options_.device),
      data_(open_datasets(options_)),
      network_config_(network_config(options_)),
      network_(make_network(network_config_)),
      loss_(*options_.ignore_index, class_weights(options_, *data_.train), device_) {
  network_.ptr()->to(device_);
  const auto workers = static_cast<int>(options_.workers);
  data::LoaderOptions train{.batch_size = *options_.batch_size, .shuffle = true, .workers = workers, .seed = options_.seed};
  data::LoaderOptions val{.batch_size = data_.val_batch_size, .shuffle = false, .workers = workers, .seed = options_.seed};
  train_loader_ = std::make_unique<data::DataLoader>(data_.train, train);
  val_loader_ = std::make_unique<data::DataLoader>(data_.val, val);
  optimization_ = std::make_unique<Optimization>(*network_.ptr(), options_, *options_.epochs * train_loader_->batches());
  if (!checkpoint) {
    if (!options_.weights.empty())
      weights_report_ = take_weights(*network_.ptr(), options_.model, options_.weights, options_.partial);
    return;
  }
  load_model(*network_.ptr(), checkpoint->model, checkpoint_file);
  optimization_->load(*checkpoint, checkpoint_file);
  default_generator().set_state(checkpoint->generator_seed, checkpoint->generator_offset);
  progress_ = checkpoint->progress;
  check<FileError>(progress_.batch <= train_loader_->batches(),
                   "train: {} stopped at batch {} of an epoch, which now has {}. Resume with the data it was trained on.",
                   checkpoint_file, progress_.batch, train_loader_->batches());
}

void Trainer::run() {
  const InterruptGuard guard;
  make_folder("train", options_.output);
  write_text(path("config.json"), nlohmann::json(options_).dump(2) + "\n");
  say(fmt::format("{}  {}\n  {} with {} parameters\n{}", describe(options_), data_.explanation, options_.model,
                  count_parameters(*network_.ptr()), weights_report_));
  if (!progress_.history.empty()) write_metrics();  // a run that was killed may have saved an epoch and not yet written it
  if (progress_.step > 0) say(fmt::format("  resumed after {} epochs and {} batches\n", progress_.epoch, progress_.batch));
  while (progress_.epoch < *options_.epochs) {
    train_epoch();
    finish_epoch();
  }
  finish_run();
}

void Trainer::train_epoch() {
  network_.ptr()->train();
  const int64_t pictures = data_.train->size();
  const int64_t before = std::min(pictures, progress_.batch * *options_.batch_size);
  ProgressBar bar(fmt::format("Epoch {}/{}", progress_.epoch + 1, *options_.epochs), pictures, before);
  train_loader_->start_epoch(progress_.epoch, progress_.batch);
  while (const std::optional<data::Batch> batch = train_loader_->next()) {
    train_step(*batch);
    ++progress_.batch;
    bar.advance(batch->labels.size(0), fmt::format("loss={:.4g}", progress_.train_loss.value()));
    if (interrupted()) stop();
  }
  pictures_per_second_ = bar.speed();
}

void Trainer::train_step(const data::Batch& batch) {
  const double weight = loss_.weight(batch.labels);
  if (weight == 0) return;  // all pixels ignored: there is no loss, and its mean would be 0 / 0
  const uint64_t generator_offset = default_generator().offset();
  optimization_->zero_grad();
  const Tensor loss = loss_(network_.forward(batch.images.to(device_)), batch.labels.to(device_));
  const double value = loss.item<double>();
  if (!std::isfinite(value)) explain_non_finite(batch, value, generator_offset);
  loss.backward();
  optimization_->step();
  ++progress_.step;
  progress_.train_loss.add(value, weight);
}

void Trainer::explain_non_finite(const data::Batch& batch, double loss, uint64_t generator_offset) {
  // The same forward again, its random numbers included, this time looking at every result.
  default_generator().set_state(default_generator().seed(), generator_offset);
  autograd::set_detect_anomaly(true);
  std::string where = "No layer's result is, so it is the loss itself.";
  try {
    loss_(network_.forward(batch.images.to(device_)), batch.labels.to(device_));
  } catch (const AutogradError& error) {
    where = error.what();
  }
  throw ValueError(
      fmt::format("train: the loss is {} in epoch {}, batch {}. First not finite: {} Try a smaller --lr or --clip-grad 1.", loss,
                  progress_.epoch + 1, progress_.batch + 1, where));
}

void Trainer::finish_epoch() {
  EpochRecord record{.epoch = progress_.epoch + 1,
                     .step = progress_.step,
                     .lr = optimization_->lr(),
                     .train_loss = progress_.train_loss.value(),
                     .val_loss = kNaN,
                     .pixel_accuracy = kNaN,
                     .mean_iou = kNaN,
                     .class_iou = std::vector<double>(*options_.classes, kNaN)};
  if (record.epoch % options_.val_every == 0 || record.epoch == *options_.epochs) {
    ProgressBar bar(fmt::format("Validation {}/{}", record.epoch, *options_.epochs), data_.val->size());
    const auto result = evaluate(network_, *val_loader_, loss_, device_, [&](int64_t pictures) {
      bar.advance(pictures);
      return !interrupted();
    });
    if (!result) stop();
    record.val_loss = result->loss;
    record.pixel_accuracy = result->matrix.pixel_accuracy();
    record.mean_iou = result->matrix.mean_iou();
    record.class_iou = result->matrix.class_iou();
  }
  optimization_->end_epoch(record.val_loss);
  progress_.epoch = record.epoch;
  progress_.batch = 0;
  progress_.train_loss = {};
  const bool best = record.mean_iou > progress_.best_mean_iou();
  progress_.history.push_back(record);
  if (best) progress_.best_epoch = record.epoch;
  // Best before last: a run that is killed in between does this epoch again. The other way round it would go on after an epoch
  // that it believes to be kept, and is not.
  if (best) save("best.safetensors");
  save("last.safetensors");
  write_metrics();
  say(epoch_line(record, *options_.epochs, pictures_per_second_, best));
}

void Trainer::write_metrics() const {
  write_text(path("metrics.csv"), metrics_csv(progress_.history, data_.train->classes().names));
}

void Trainer::finish_run() {
  if (progress_.best_epoch == 0) {
    say(fmt::format("Wrote {}. No epoch is best: no pixel of the held-out labels belongs to a class.\n",
                    path("last.safetensors")));
    return;
  }
  say(class_table(progress_.history[progress_.best_epoch - 1], data_.train->classes().names));
  const Predictor predictor(path("best.safetensors"), device_);
  data::write_png(path("predictions.png"), prediction_sheet(predictor, *data_.val, 8));
  if (options_.dataset == "shapes") {
    make_folder("train", path("scenes"));
    for (int64_t i = 0; i < std::min<int64_t>(8, data_.val->size()); ++i) {
      const data::Sample scene = data_.val->read(i);
      data::write_png(path("scenes/" + scene.name + ".png"), scene.image);
    }
  }
  say(fmt::format("Wrote {} (best epoch {}, mIoU {:.4f}) and {}\n", path("best.safetensors"), progress_.best_epoch,
                  progress_.best_mean_iou(), path("predictions.png")));
}

void Trainer::stop() {
  save("last.safetensors");
  say(fmt::format("Interrupted in epoch {} after {} batches; saved {}\nGo on with: tessera train --resume -o {}\n",
                  progress_.epoch + 1, progress_.batch, path("last.safetensors"), options_.output));
  throw Exit{kInterrupted};
}

void Trainer::save(const std::string& name) const {
  Checkpoint checkpoint;
  checkpoint.network = network_config_;
  checkpoint.classes = data_.train->classes();
  checkpoint.options = options_;
  checkpoint.progress = progress_;
  checkpoint.generator_seed = default_generator().seed();
  checkpoint.generator_offset = default_generator().offset();
  checkpoint.model = nn::state_dict(*network_.ptr());
  optimization_->save(checkpoint);
  save_checkpoint(path(name), checkpoint);
}

}  // namespace tessera::tools
