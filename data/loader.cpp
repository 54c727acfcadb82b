#include "data/loader.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include "core/error.h"
#include "core/generator_guard.h"

namespace tessera::data {
namespace {

// Workers share a batch by samples.
class BatchJob : public Job {
 public:
  BatchJob(const Dataset& dataset, const LoaderOptions& options, int64_t epoch, std::vector<int64_t> indices)
      : dataset_(dataset), options_(options), epoch_(epoch), indices_(std::move(indices)), samples_(indices_.size()) {}

  int64_t parts() const override { return static_cast<int64_t>(indices_.size()); }

  void run(int64_t part, int64_t) override {
    RandomStream stream{options_.seed, static_cast<uint64_t>(epoch_), static_cast<uint64_t>(indices_[part])};
    const GeneratorGuard guard(RandomStream(stream).next());
    samples_[part] = dataset_.get(indices_[part], stream);
    if (options_.collate) return;
    Sample& sample = samples_[part];
    {
      const std::lock_guard lock(mutex_);  // the first sample that is read says how large the batch is
      if (!batch_.images.defined()) batch_ = make_batch(parts(), sample.image.height, sample.image.width);
    }
    if (batch_.labels.size(1) == sample.image.height && batch_.labels.size(2) == sample.image.width)
      put_sample(batch_, part, sample, dataset_.classes());  // otherwise finish() reports it
    sample.image.pixels = {};
    sample.label.ids = {};
  }

  void finish() override {
    if (options_.collate) {
      const GeneratorGuard guard(
          RandomStream{options_.seed, static_cast<uint64_t>(epoch_), ~static_cast<uint64_t>(indices_[0])}.next());
      batch_ = options_.collate(std::move(samples_), dataset_.classes());
      return;
    }
    const Sample& first = samples_.front();
    for (const Sample& sample : samples_)
      check<ShapeError>(sample.image.height == first.image.height && sample.image.width == first.image.width,
                        "DataLoader: {} is {}x{} and {} is {}x{}, in one batch. Crop or resize to one size, or use batches of 1.",
                        first.name, first.image.width, first.image.height, sample.name, sample.image.width, sample.image.height);
  }

  Batch take() { return std::move(batch_); }

 private:
  const Dataset& dataset_;  // the loader's, which outlives its queue
  const LoaderOptions& options_;
  const int64_t epoch_;
  const std::vector<int64_t> indices_;
  std::vector<Sample> samples_;
  std::mutex mutex_;
  Batch batch_;
};

WorkQueueOptions queue_options(const LoaderOptions& options) {
  check<ValueError>(options.batch_size >= 1, "DataLoader: batch size {}. It must be at least 1.", options.batch_size);
  check<ValueError>(options.prefetch >= 1, "DataLoader: prefetch {}. It must be at least 1.", options.prefetch);
  WorkQueueOptions queue{.workers = options.workers, .max_jobs = options.prefetch};
  if (options.worker_init)
    queue.worker_init = [init = options.worker_init, seed = options.seed](int64_t worker) {
      init(worker, RandomStream{seed, static_cast<uint64_t>(worker)}.next());
    };
  return queue;
}

}  // namespace

DataLoader::DataLoader(std::shared_ptr<const Dataset> dataset, const LoaderOptions& options)
    : dataset_(std::move(dataset)),
      options_(options),
      samples_(options.order ? static_cast<int64_t>(options.order(0).size()) : dataset_->size()),
      queue_(queue_options(options)) {}

int64_t DataLoader::batches() const {
  const int64_t full = samples_ / options_.batch_size;
  return options_.drop_last || samples_ % options_.batch_size == 0 ? full : full + 1;
}

std::vector<int64_t> DataLoader::order_of(int64_t epoch) const {
  if (!options_.order) return epoch_order(samples_, options_.shuffle, options_.seed, epoch);
  std::vector<int64_t> order = options_.order(epoch);
  check<ValueError>(static_cast<int64_t>(order.size()) == samples_,
                    "DataLoader: the order of epoch {} has {} samples, that of epoch 0 has {}. All must have as many.", epoch,
                    order.size(), samples_);
  for (const int64_t index : order)
    check<IndexError>(index >= 0 && index < dataset_->size(), "DataLoader: the order of epoch {} has sample {} of {}.", epoch,
                      index, dataset_->size());
  return order;
}

void DataLoader::start_epoch(int64_t epoch, int64_t first_batch) {
  check<ValueError>(epoch >= 0, "DataLoader: epoch {}. It cannot be negative.", epoch);
  check<IndexError>(first_batch >= 0 && first_batch <= batches(), "DataLoader: batch {} of an epoch of {}.", first_batch,
                    batches());
  const auto order = std::make_shared<const std::vector<int64_t>>(order_of(epoch));
  started_ = true;
  queue_.start([this, order, epoch, batch = first_batch]() mutable -> std::shared_ptr<Job> {
    if (batch == batches()) return nullptr;
    const auto first = order->begin() + batch++ * options_.batch_size;
    const auto last = first + std::min<int64_t>(options_.batch_size, order->end() - first);
    return std::make_shared<BatchJob>(*dataset_, options_, epoch, std::vector(first, last));
  });
}

std::optional<Batch> DataLoader::next() {
  check<ValueError>(started_, "DataLoader: no epoch was started. Call start_epoch(epoch) first.");
  const std::shared_ptr<Job> job = queue_.next();
  if (job == nullptr) return std::nullopt;
  return static_cast<BatchJob&>(*job).take();
}

}  // namespace tessera::data
