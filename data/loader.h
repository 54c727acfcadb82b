// The loader: batches of a data set, made ahead of time by worker threads, in an order that the seed alone decides.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "data/batch.h"

namespace tessera::data {

struct LoaderOptions {
  int64_t batch_size = 8;
  bool shuffle = false;
  int workers = 2;         // threads; 0 makes each batch when it is asked for, on the caller's thread
  int64_t prefetch = 4;    // batches made ahead, at most: bounds the memory
  bool drop_last = false;  // leave out a last batch that is not full
  uint64_t seed = 0;
};

// The indices 0..count-1 in the order of an epoch: as they are, or shuffled (Fisher-Yates) by (seed, epoch).
std::vector<int64_t> epoch_order(int64_t count, bool shuffle, uint64_t seed, int64_t epoch);

// Usage:
//     loader.start_epoch(epoch);
//     while (std::optional<Batch> batch = loader.next()) ...
//
// The bytes of a batch depend on the data set, the seed, the epoch and the batch's number, never on the number of workers or on
// timing: the order is epoch_order's and the random numbers of a sample's transform come from (seed, epoch, index). An epoch can
// be started at any batch, which is how a run is resumed exactly.
//
// An exception of the data set reaches the caller from next() in the place of its batch (the first in sample order, if there are
// several); the call after it gives the batch after it. Samples of different size in one batch are a ShapeError that names both.
// The loader may be destroyed, or another epoch started, at any time; it waits for samples in the making only.
class DataLoader {
 public:
  DataLoader(std::shared_ptr<const Dataset> dataset, const LoaderOptions& options);
  DataLoader(const DataLoader&) = delete;
  DataLoader& operator=(const DataLoader&) = delete;

  int64_t batches() const;  // in one epoch
  void start_epoch(int64_t epoch, int64_t first_batch = 0);
  std::optional<Batch> next();  // nothing at the epoch's end; one caller at a time
  const Dataset& dataset() const { return *dataset_; }

 private:
  struct Slot;  // a batch in the making

  bool has_task() const;
  std::shared_ptr<Slot> make_slot(int64_t batch) const;
  void work(std::stop_token stop);
  void load(Slot& slot, int64_t position);

  const std::shared_ptr<const Dataset> dataset_;
  const LoaderOptions options_;

  std::mutex mutex_;                            // guards everything below, and the slots' progress
  std::condition_variable_any task_available_;  // for the workers
  std::condition_variable batch_ready_;         // for the caller
  std::vector<int64_t> order_;
  int64_t epoch_ = -1, next_to_make_ = 0, next_to_give_ = 0;
  std::deque<std::shared_ptr<Slot>> slots_;  // batches next_to_give_ .. next_to_make_ - 1
  std::vector<std::jthread> workers_;        // last, so that they end before what they use
};

}  // namespace tessera::data
