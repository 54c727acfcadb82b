// The loader of pictures and label maps: batches of a data set, made ahead of time by worker threads (work_queue.h), in an order
// that the seed alone decides. The loader of anything else is data_loader.h.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "data/batch.h"
#include "data/order.h"
#include "data/work_queue.h"

namespace tessera::data {

struct LoaderOptions {
  int64_t batch_size = 8;
  bool shuffle = false;
  int workers = 2;         // threads; 0 makes each batch when it is asked for, on the caller's thread
  int64_t prefetch = 4;    // batches made ahead, at most: bounds the memory
  bool drop_last = false;  // leave out a last batch that is not full
  uint64_t seed = 0;

  // The samples of an epoch, in order: of any number, but the same in every epoch; order.h has weighted and distributed ones.
  // Left out, epoch_order of the whole data set.
  std::function<std::vector<int64_t>(int64_t epoch)> order = {};
  // Makes a batch of its samples, on a worker. Left out, put_sample for each, which takes samples of one size.
  std::function<Batch(std::vector<Sample> samples, const ClassInfo& classes)> collate = {};
  // Called by each worker when it begins, with a seed of its own that (seed, worker) determine. For workers' resources; a sample
  // must not depend on it, since no worker owns it.
  std::function<void(int64_t worker, uint64_t seed)> worker_init = {};
};

// Usage:
//     loader.start_epoch(epoch);
//     while (std::optional<Batch> batch = loader.next()) ...
//
// The bytes of a batch depend on the data set, the seed, the epoch and the batch's number, never on the number of workers or on
// timing: the random numbers of a sample's transform come from (seed, epoch, index), those of ops that the data set calls as well
// (generator_guard.h). An epoch can be started at any batch, which is how a run is resumed exactly.
//
// An exception of the data set reaches the caller from next() in the place of its batch (the first in sample order, if there are
// several); the call after it gives the batch after it. Samples of different size in one batch are a ShapeError that names both.
// The loader may be destroyed, or another epoch started, at any time; it waits for samples in the making only.
class DataLoader {
 public:
  DataLoader(std::shared_ptr<const Dataset> dataset, const LoaderOptions& options);

  int64_t batches() const;  // in one epoch
  void start_epoch(int64_t epoch, int64_t first_batch = 0);
  std::optional<Batch> next();  // nothing at the epoch's end; one caller at a time
  const Dataset& dataset() const { return *dataset_; }

 private:
  std::vector<int64_t> order_of(int64_t epoch) const;

  const std::shared_ptr<const Dataset> dataset_;
  const LoaderOptions options_;
  const int64_t samples_;  // in one epoch
  bool started_ = false;
  WorkQueue queue_;  // last: its workers end before what they use
};

}  // namespace tessera::data
