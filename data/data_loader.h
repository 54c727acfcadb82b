// make_data_loader: batches of a data set (datasets.h) that a sampler chooses (samplers.h), made ahead of time by worker threads
// (work_queue.h). The names and meanings are libtorch's.
//
//     auto loader = make_data_loader(std::move(data), DataLoaderOptions().batch_size(64).workers(2));
//     for (Example<>& batch : *loader) ...                                       // an epoch; the next loop is the next one
#pragma once

#include <algorithm>
#include <chrono>
#include <concepts>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/generator_guard.h"
#include "data/data_loader_iterator.h"
#include "data/samplers.h"
#include "data/work_queue.h"

namespace tessera::data {

// Each setter returns the options, so that they can be chained.
class DataLoaderOptions {
 public:
  DataLoaderOptions() = default;
  DataLoaderOptions(size_t batch_size) : batch_size_(batch_size) {}  // NOLINT: implicit, as in libtorch

  DataLoaderOptions& batch_size(size_t value) { return batch_size_ = value, *this; }
  // Threads; 0 makes each batch when it is asked for, on the caller's thread.
  DataLoaderOptions& workers(size_t value) { return workers_ = value, *this; }
  // Batches made ahead, at most; 2 x workers unless given.
  DataLoaderOptions& max_jobs(std::optional<size_t> value) { return max_jobs_ = value, *this; }
  // How long to wait for a batch; without end unless given.
  DataLoaderOptions& timeout(std::optional<std::chrono::milliseconds> value) { return timeout_ = value, *this; }
  // Batches come in the sampler's order, whichever is made first.
  DataLoaderOptions& enforce_ordering(bool value) { return enforce_ordering_ = value, *this; }
  // Leave out a last batch that is not full.
  DataLoaderOptions& drop_last(bool value) { return drop_last_ = value, *this; }

  size_t batch_size() const { return batch_size_; }
  size_t workers() const { return workers_; }
  std::optional<size_t> max_jobs() const { return max_jobs_; }
  std::optional<std::chrono::milliseconds> timeout() const { return timeout_; }
  bool enforce_ordering() const { return enforce_ordering_; }
  bool drop_last() const { return drop_last_; }

 private:
  size_t batch_size_ = 1, workers_ = 0;
  std::optional<size_t> max_jobs_;
  std::optional<std::chrono::milliseconds> timeout_;
  bool enforce_ordering_ = true, drop_last_ = false;
};

// The same with nothing left open.
struct FullDataLoaderOptions {
  explicit FullDataLoaderOptions(const DataLoaderOptions& options)
      : batch_size(options.batch_size()),
        workers(options.workers()),
        max_jobs(options.max_jobs().value_or(2 * workers)),
        timeout(options.timeout()),
        enforce_ordering(options.enforce_ordering()),
        drop_last(options.drop_last()) {}
  size_t batch_size, workers, max_jobs;
  std::optional<std::chrono::milliseconds> timeout;
  bool enforce_ordering, drop_last;
};

// An exception of a worker, as it reaches the caller: thrown in the place of its batch; the batch after it comes next.
struct WorkerException : std::exception {
  explicit WorkerException(std::exception_ptr original);
  const char* what() const noexcept override { return message.c_str(); }
  std::exception_ptr original_exception;
  std::string message;  // "Caught exception in DataLoader worker thread. Original message: ..."
};

// Batches of a data set without state of its own, made by make_data_loader.
//
// What a batch holds depends on its request, and, where get_batch draws random numbers from the default generator, on
// manual_seed and the number of the batch: never on the number of workers or on timing. Each begin() takes one draw of the
// default generator. Ops that get_batch calls run on one thread.
//
// An exception in get_batch reaches the caller as it is without workers, as a WorkerException with workers; TimeoutError if a
// batch is not there in time. The loader may be destroyed at any time; it waits for batches in the making only.
template <class Dataset, class Sampler> class StatelessDataLoader {
 public:
  using BatchType = typename Dataset::BatchType;
  using BatchRequestType = typename Sampler::BatchRequestType;

  // Throws ValueError for a batch size of 0 and what WorkQueue refuses.
  StatelessDataLoader(Dataset dataset, Sampler sampler, const DataLoaderOptions& options)
      : options_(options),
        datasets_(copies(std::move(dataset), options_.workers)),
        sampler_(std::move(sampler)),
        queue_(queue_options()) {
    check<ValueError>(options_.batch_size >= 1, "DataLoader: batch size 0. It must be at least 1.");
  }

  // Begins an epoch: resets the sampler. Throws ValueError while batches of the epoch before are still to come (with workers).
  Iterator<BatchType> begin() {
    check<ValueError>(!queue_.has_jobs_ahead(),
                      "Attempted to get a new DataLoader iterator while another iterator is not yet exhausted");
    sampler_.reset();
    Generator& generator = default_generator();
    queue_.start([this, seed = generator.seed(), epoch = generator.next_offset(), number = uint64_t{0}]() mutable {
      return make_job(RandomStream{seed, epoch, number++}.next());
    });
    return Iterator<BatchType>([this] { return next(); });
  }
  Iterator<BatchType> end() { return {}; }

  const FullDataLoaderOptions& options() const { return options_; }

 private:
  struct BatchJob : Job {
    BatchJob(std::vector<Dataset>& datasets, BatchRequestType request, uint64_t seed)
        : datasets(datasets), request(std::move(request)), seed(seed) {}
    void run(int64_t, int64_t worker) override {
      const GeneratorGuard guard(seed);
      batch.emplace(datasets[worker].get_batch(std::move(request)));
    }
    std::vector<Dataset>& datasets;
    BatchRequestType request;
    uint64_t seed;
    std::optional<BatchType> batch;
  };

  static std::vector<Dataset> copies(Dataset dataset, size_t workers) {
    std::vector<Dataset> all;
    all.reserve(std::max<size_t>(1, workers));
    if constexpr (std::is_copy_constructible_v<Dataset>)
      for (size_t i = 0; i < workers; ++i) all.push_back(dataset);
    else
      check<ValueError>(workers == 0, "DataLoader: {} workers for a data set that cannot be copied. Share it by make_shared_dataset.", workers);
    if (workers == 0) all.push_back(std::move(dataset));
    return all;
  }

  WorkQueueOptions queue_options() const {
    return {.workers = static_cast<int64_t>(options_.workers),
            .max_jobs = static_cast<int64_t>(options_.workers > 0 ? options_.max_jobs : 1),
            .ordered = options_.enforce_ordering,
            .timeout = options_.timeout};
  }

  std::shared_ptr<Job> make_job(uint64_t seed) {
    std::optional<BatchRequestType> request = sampler_.next(options_.batch_size);
    if (!request || (options_.drop_last && request->size() < options_.batch_size)) return nullptr;
    return std::make_shared<BatchJob>(datasets_, std::move(*request), seed);
  }

  std::optional<BatchType> next() {
    std::shared_ptr<Job> job;
    try {
      job = queue_.next();
    } catch (const TimeoutError&) {
      throw;
    } catch (...) {
      if (options_.workers == 0) throw;
      throw WorkerException(std::current_exception());
    }
    if (job == nullptr) return std::nullopt;
    return std::move(static_cast<BatchJob&>(*job).batch);
  }

  const FullDataLoaderOptions options_;
  std::vector<Dataset> datasets_;  // one a worker
  Sampler sampler_;
  WorkQueue queue_;  // last: its workers end before what they use
};

template <class Sampler, class Dataset>
concept Samples = requires(Sampler sampler, size_t batch_size) {
  sampler.reset();
  { sampler.next(batch_size) } -> std::convertible_to<std::optional<typename Sampler::BatchRequestType>>;
  requires std::convertible_to<typename Sampler::BatchRequestType, typename Dataset::BatchRequestType>;
};

template <class Dataset, Samples<Dataset> Sampler>
std::unique_ptr<StatelessDataLoader<Dataset, Sampler>> make_data_loader(Dataset dataset, Sampler sampler,
                                                                        const DataLoaderOptions& options = {}) {
  return std::make_unique<StatelessDataLoader<Dataset, Sampler>>(std::move(dataset), std::move(sampler), options);
}

// With a sampler over the whole data set: random unless another is named, as in make_data_loader<SequentialSampler>(data, 32).
// Throws ValueError for a data set of unknown size.
template <class Sampler = samplers::RandomSampler, class Dataset>
  requires(Samples<Sampler, Dataset> && std::constructible_from<Sampler, size_t>)
std::unique_ptr<StatelessDataLoader<Dataset, Sampler>> make_data_loader(Dataset dataset, const DataLoaderOptions& options = {}) {
  const std::optional<size_t> size = dataset.size();
  check<ValueError>(size.has_value(), "Expected the dataset to be sized in order to construct the Sampler");
  return make_data_loader(std::move(dataset), Sampler(*size), options);
}

}  // namespace tessera::data
