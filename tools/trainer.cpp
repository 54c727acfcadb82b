#include "tools/trainer.h"

#include <fmt/format.h>

#include <limits>

#include "core/random.h"
#include "tools/command.h"
#include "tools/freezing.h"
#include "tools/interrupt.h"
#include "tools/progress_bar.h"
#include "tools/report.h"
#include "tools/training_parts.h"
#include "tools/weights.h"

namespace tessera::tools {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr int64_t kLoggedPictures = 4;

void say(const std::string& text) {  // at once, also into a pipe
  fmt::print("{}", text);
  std::fflush(stdout);
}

}  // namespace

Trainer::Trainer(TrainOptions options, const std::optional<Checkpoint>& checkpoint, const std::string& checkpoint_file)
    : given_(std::move(options)),
      options_(prepare(of_stage(given_))),
      folder_(options_.run.output),
      device_(options_.device.device),
      is_new_(!checkpoint),
      data_(open_data(options_)),
      network_config_(network_config(options_.network, *options_.data.classes)),
      network_(network_on(device_, network_config_, options_.network.freeze)),
      loss_(options_.loss, *options_.data.ignore_index, class_weights(options_, *data_.train), device_),
      train_loader_(data_.train, loader_options(options_, *options_.optimization.batch_size, /*shuffle=*/true)),
      val_loader_(data_.val, loader_options(options_, data_.val_batch_size, /*shuffle=*/false)),
      optimization_(*network_.ptr(), options_.optimization, train_loader_.batches()),
      step_(network_, loss_, optimization_, step_options(options_.device)) {
  check<UsageError>(train_loader_.batches() > 0,
                    "--drop-last: {} pictures make no full batch of {}. Choose a smaller --batch-size.", data_.train->size(),
                    *options_.optimization.batch_size);
  if (given_.stage != 1) given_.data = options_.data;  // with what was found out; of stage 1 that is not what stage 2 needs
  start(checkpoint, checkpoint_file);
}

void Trainer::start(const std::optional<Checkpoint>& checkpoint, const std::string& file) {
  if (!checkpoint) {
    if (options_.network.weights.empty()) return;
    weights_report_ = take_weights(*network_.ptr(), options_.network.model, options_.network.weights, options_.network.partial);
    optimization_.restart_average();
    return;
  }
  optimization_.load(*checkpoint, file);
  default_generator().set_state(checkpoint->generator_seed, checkpoint->generator_offset);
  progress_ = checkpoint->progress;
  check<FileError>(progress_.batch <= train_loader_.batches(),
                   "train: {} stopped at batch {} of an epoch, which now has {}. Resume with the data it was trained on.", file,
                   progress_.batch, train_loader_.batches());
}

void Trainer::introduce() const {
  const std::string stage = options_.stage == 0 ? "" : fmt::format("Stage {} of 2 in {}\n", options_.stage, folder_.folder());
  say(fmt::format(
      "{}{}  {}\n  {} with {} parameters{}\n{}", stage, describe(options_), data_.explanation, options_.network.model,
      count_parameters(*network_.ptr(), false),
      options_.network.freeze.empty() ? "" : fmt::format(", {} of them trained", count_parameters(*network_.ptr(), true)),
      weights_report_));
  for (const std::string& problem : data_.left_out) say(fmt::format("  left out: {}\n", problem));
  if (progress_.step > 0) say(fmt::format("  resumed after {} epochs and {} batches\n", progress_.epoch, progress_.batch));
}

void Trainer::run() {
  folder_.make();
  if (is_new_) {
    folder_.set_aside();
    RunFolder(given_.run.output).set_aside();
  }
  folder_.write_config(given_);
  introduce();
  // A run that was killed may have written less or more than it had saved.
  folder_.write_metrics(progress_, classes());
  log_ = std::make_unique<RunLog>(options_.run.tensorboard, folder_.folder(), progress_.step,
                                  /*within_epoch=*/progress_.batch > 0, options_.run.log_every);
  while (!is_over()) {
    train_epoch();
    finish_epoch();
  }
  finish_run();
}

bool Trainer::is_over() const {
  const int64_t patience = options_.optimization.patience;
  return progress_.epoch >= epochs() || (patience > 0 && progress_.batch == 0 && progress_.validations_since_best() >= patience);
}

void Trainer::train_epoch() {
  network_.ptr()->train();
  keep_frozen(*network_.ptr(), options_.network.freeze);
  const int64_t pictures = data_.train->size();
  const int64_t before = std::min(pictures, progress_.batch * *options_.optimization.batch_size);
  ProgressBar bar(fmt::format("Epoch {}/{}", progress_.epoch + 1, epochs()), pictures, before);
  train_loader_.start_epoch(progress_.epoch, progress_.batch);
  while (const std::optional<data::Batch> batch = train_loader_.next()) {
    if (step_.run(*batch, progress_.epoch + 1, progress_.batch + 1)) ++progress_.step;
    ++progress_.batch;
    collect_losses(/*all=*/false);
    bar.advance(batch->labels.size(0), fmt::format("loss={:.4g}", progress_.train_loss.value()));
    if (interrupted()) stop();
    save_within_epoch();
  }
  collect_losses(/*all=*/true);
  pictures_per_second_ = bar.speed();
}

void Trainer::collect_losses(bool all) { log_->losses(step_.collect(progress_.train_loss, all)); }

// Not at the epoch's end, where finish_epoch() saves: nothing may be logged for a step after a checkpoint says that it is done.
void Trainer::save_within_epoch() {
  if (progress_.batch == train_loader_.batches()) return;
  const std::chrono::duration<double, std::ratio<60>> since = std::chrono::steady_clock::now() - saved_;
  const RunOptions& o = options_.run;
  const bool by_steps = o.save_every_steps > 0 && progress_.step % o.save_every_steps == 0;
  if (by_steps || (o.save_minutes > 0 && since.count() >= o.save_minutes)) save_last();
}

void Trainer::validate(EpochRecord& record) {
  const Optimization::Averaged averaged(optimization_);
  pictures_.emplace(classes(), kLoggedPictures);
  ProgressBar bar(fmt::format("Validation {}/{}", record.epoch, epochs()), data_.val->size());
  const EvaluationOptions options{device_, options_.device.precision};
  const auto result = evaluate(network_, val_loader_, loss_, options, [&](const data::Batch& batch, const Tensor& prediction) {
    if (options_.run.tensorboard) pictures_->add(batch, prediction.cpu());
    bar.advance(batch.labels.size(0));
    return !interrupted();
  });
  if (!result) return;
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
  const bool validated = record.epoch % options_.run.val_every == 0 || record.epoch == epochs();
  if (validated) validate(record);
  if (interrupted()) stop();
  optimization_.end_epoch(record.val_loss);
  progress_.epoch = record.epoch;
  progress_.batch = 0;
  progress_.train_loss = {};
  const bool best = record.mean_iou > progress_.best_mean_iou();
  progress_.history.push_back(record);
  if (best) progress_.best_epoch = record.epoch;
  // Logged before it is saved: what a run logs after its checkpoint is cut off again when it goes on, what it logs before stays.
  log_->epoch(record, classes());
  if (validated) log_->validation(pictures_->sheet(), *network_.ptr(), record.step);
  save_epoch(best);
  folder_.write_metrics(progress_, classes());
  say(epoch_line(record, epochs(), pictures_per_second_, best));
}

// Best before last: a run that is killed in between does this epoch again. The other way round it would go on after an epoch
// that it believes to be kept, and is not.
void Trainer::save_epoch(bool best) {
  const Checkpoint state = checkpoint();
  if (best) save_checkpoint(folder_.best(), state);
  if (options_.run.save_every > 0 && progress_.epoch % options_.run.save_every == 0) {
    save_checkpoint(folder_.epoch(progress_.epoch), state);
    folder_.remove_old_epochs(progress_.epoch, options_.run.keep);
  }
  save_checkpoint(folder_.last(), state);
  saved_ = std::chrono::steady_clock::now();
}

void Trainer::finish_run() {
  if (progress_.epoch < epochs())
    say(fmt::format("Stopped early: {} validations without a better mIoU\n", progress_.validations_since_best()));
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
  save_last();
  say(fmt::format("Interrupted in epoch {} after {} batches; saved {}\nGo on with: tessera train --resume -o {}\n",
                  progress_.epoch + 1, progress_.batch, folder_.last(), given_.run.output));
  throw Exit{kInterrupted};
}

void Trainer::save_last() {
  collect_losses(/*all=*/true);
  save_checkpoint(folder_.last(), checkpoint());
  saved_ = std::chrono::steady_clock::now();
}

Checkpoint Trainer::checkpoint() const {
  Checkpoint checkpoint;
  checkpoint.network = network_config_;
  checkpoint.classes = classes();
  checkpoint.options = given_;
  checkpoint.progress = progress_;
  checkpoint.generator_seed = default_generator().seed();
  checkpoint.generator_offset = default_generator().offset();
  optimization_.save(checkpoint);
  return checkpoint;
}

}  // namespace tessera::tools
