#include "data/loader.h"

#include <algorithm>
#include <exception>
#include <numeric>

#include "core/error.h"

namespace tessera::data {

struct DataLoader::Slot {
  int64_t epoch;
  std::vector<int64_t> indices;  // of the samples
  int64_t claimed = 0;           // samples given to workers
  int64_t remaining;             // samples not finished
  Batch batch;                   // made by the first sample that is read: only then the size is known
  std::vector<std::string> names;
  std::vector<std::pair<int, int>> sizes;  // height and width of each sample
  std::vector<std::exception_ptr> errors;

  int64_t count() const { return static_cast<int64_t>(indices.size()); }

  // What the caller gets: the batch, or the first error in sample order.
  Batch take() {
    for (const std::exception_ptr& error : errors)
      if (error) std::rethrow_exception(error);
    for (size_t i = 1; i < sizes.size(); ++i)
      check<ShapeError>(sizes[i] == sizes[0],
                        "DataLoader: {} is {}x{} and {} is {}x{}, in one batch. Crop or resize to one size, or use batches of 1.",
                        names[0], sizes[0].second, sizes[0].first, names[i], sizes[i].second, sizes[i].first);
    return std::move(batch);
  }
};

std::vector<int64_t> epoch_order(int64_t count, bool shuffle, uint64_t seed, int64_t epoch) {
  std::vector<int64_t> order(count);
  std::iota(order.begin(), order.end(), int64_t{0});
  if (!shuffle) return order;
  RandomStream stream{seed, static_cast<uint64_t>(epoch)};
  for (int64_t i = count - 1; i > 0; --i) std::swap(order[i], order[stream.integer(0, i)]);
  return order;
}

DataLoader::DataLoader(std::shared_ptr<const Dataset> dataset, const LoaderOptions& options)
    : dataset_(std::move(dataset)), options_(options) {
  check<ValueError>(options.batch_size >= 1, "DataLoader: batch size {}. It must be at least 1.", options.batch_size);
  check<ValueError>(options.workers >= 0 && options.workers <= 1024, "DataLoader: {} workers. There may be 0 to 1024.",
                    options.workers);
  check<ValueError>(options.prefetch >= 1, "DataLoader: prefetch {}. It must be at least 1.", options.prefetch);
  for (int i = 0; i < options.workers; ++i) workers_.emplace_back([this](std::stop_token stop) { work(std::move(stop)); });
}

int64_t DataLoader::batches() const {
  const int64_t size = dataset_->size(), full = size / options_.batch_size;
  return options_.drop_last || size % options_.batch_size == 0 ? full : full + 1;
}

void DataLoader::start_epoch(int64_t epoch, int64_t first_batch) {
  check<ValueError>(epoch >= 0, "DataLoader: epoch {}. It cannot be negative.", epoch);
  check<IndexError>(first_batch >= 0 && first_batch <= batches(), "DataLoader: batch {} of an epoch of {}.", first_batch,
                    batches());
  std::vector<int64_t> order = epoch_order(dataset_->size(), options_.shuffle, options_.seed, epoch);
  const std::lock_guard lock(mutex_);
  epoch_ = epoch;  // from here on nothing throws: workers see the epoch with its order or not at all
  order_ = std::move(order);
  slots_.clear();  // workers that are still on a sample of the old epoch own its slot, and drop it
  next_to_make_ = next_to_give_ = first_batch;
  task_available_.notify_all();
}

std::optional<Batch> DataLoader::next() {
  std::unique_lock lock(mutex_);
  check<ValueError>(epoch_ >= 0, "DataLoader: no epoch was started. Call start_epoch(epoch) first.");
  if (next_to_give_ == batches()) return std::nullopt;
  const int64_t batch = next_to_give_++;
  if (options_.workers == 0) {
    const std::shared_ptr<Slot> slot = make_slot(batch);
    lock.unlock();
    for (int64_t i = 0; i < slot->count(); ++i) load(*slot, i);
    return slot->take();
  }
  batch_ready_.wait(lock, [&] { return !slots_.empty() && slots_.front()->remaining == 0; });
  const std::shared_ptr<Slot> slot = std::move(slots_.front());
  slots_.pop_front();
  task_available_.notify_all();
  lock.unlock();
  return slot->take();
}

std::shared_ptr<DataLoader::Slot> DataLoader::make_slot(int64_t batch) const {
  const auto first = order_.begin() + batch * options_.batch_size;
  const auto last = first + std::min<int64_t>(options_.batch_size, order_.end() - first);
  auto slot = std::make_shared<Slot>();
  slot->epoch = epoch_;
  slot->indices.assign(first, last);
  slot->remaining = slot->count();
  slot->names.resize(slot->count());
  slot->sizes.resize(slot->count());
  slot->errors.resize(slot->count());
  return slot;
}

bool DataLoader::has_task() const {
  if (!slots_.empty() && slots_.back()->claimed < slots_.back()->count()) return true;
  return epoch_ >= 0 && next_to_make_ < batches() && static_cast<int64_t>(slots_.size()) < options_.prefetch;
}

// Workers share the work by samples, not by batches: the first batch of an epoch is there after a sample's time, not a batch's.
void DataLoader::work(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  while (task_available_.wait(lock, stop, [&] { return has_task(); })) {
    if (stop.stop_requested()) return;
    if (slots_.empty() || slots_.back()->claimed == slots_.back()->count()) slots_.push_back(make_slot(next_to_make_++));
    const std::shared_ptr<Slot> slot = slots_.back();
    const int64_t position = slot->claimed++;
    lock.unlock();
    load(*slot, position);
    lock.lock();
    if (slot->remaining == 0) batch_ready_.notify_one();
  }
}

void DataLoader::load(Slot& slot, int64_t position) {
  try {
    const auto index = static_cast<uint64_t>(slot.indices[position]);
    RandomStream stream{options_.seed, static_cast<uint64_t>(slot.epoch), index};
    const Sample sample = dataset_->get(slot.indices[position], stream);
    const std::pair size{sample.image.height, sample.image.width};
    slot.names[position] = sample.name;
    slot.sizes[position] = size;
    bool fits;
    {
      const std::lock_guard lock(mutex_);
      if (!slot.batch.images.defined()) slot.batch = make_batch(slot.count(), size.first, size.second);
      fits = slot.batch.labels.size(1) == size.first && slot.batch.labels.size(2) == size.second;
    }
    if (fits) put_sample(slot.batch, position, sample, dataset_->classes());  // otherwise take() reports it
  } catch (...) {
    slot.errors[position] = std::current_exception();
  }
  const std::lock_guard lock(mutex_);
  --slot.remaining;
}

}  // namespace tessera::data
