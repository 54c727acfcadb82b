#include "data/work_queue.h"

#include <omp.h>

#include <algorithm>
#include <utility>

namespace tessera::data {
namespace {

// The ops that a part calls run on one thread: workers must not fork teams of their own, and the bits of a part must not depend
// on where it is done.
class OneThread {
 public:
  OneThread() : before_(omp_get_max_threads()) { omp_set_num_threads(1); }
  ~OneThread() { omp_set_num_threads(before_); }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  const int before_;
};

}  // namespace

struct WorkQueue::Slot {
  explicit Slot(std::shared_ptr<Job> work) : job(std::move(work)), remaining(job->parts()), errors(remaining) {}
  explicit Slot(std::exception_ptr error) : errors{std::move(error)} {}

  std::shared_ptr<Job> job;
  int64_t begun = 0;                       // parts given to workers
  int64_t remaining = 0;                   // parts not finished
  std::vector<std::exception_ptr> errors;  // one a part; each is written by the worker that does the part

  std::exception_ptr first_error() const {
    const auto it = std::find_if(errors.begin(), errors.end(), [](const std::exception_ptr& error) { return error != nullptr; });
    return it == errors.end() ? nullptr : *it;
  }
  std::shared_ptr<Job> take() {
    if (const std::exception_ptr error = first_error()) std::rethrow_exception(error);
    return std::move(job);
  }
};

WorkQueue::WorkQueue(WorkQueueOptions options) : options_(std::move(options)) {
  check<ValueError>(options_.workers >= 0 && options_.workers <= 1024, "DataLoader: {} workers. There may be 0 to 1024.",
                    options_.workers);
  check<ValueError>(options_.max_jobs >= 1, "DataLoader: {} jobs ahead. There must be at least 1.", options_.max_jobs);
  for (int64_t i = 0; i < options_.workers; ++i) workers_.emplace_back([this, i](const std::stop_token& stop) { work(stop, i); });
}

void WorkQueue::start(Source source) {
  jobs_.clear();
  {
    const std::lock_guard lock(mutex_);
    waiting_.clear();  // workers that are still on a part own its slot, and drop it
  }
  source_ = std::move(source);
  if (options_.workers > 0) refill();
}

void WorkQueue::refill() {
  const auto limit = static_cast<size_t>(options_.workers > 0 ? options_.max_jobs : 1);
  while (source_ && jobs_.size() < limit) {
    std::shared_ptr<Slot> slot;
    try {
      std::shared_ptr<Job> job = source_();
      if (job != nullptr) slot = std::make_shared<Slot>(std::move(job));
    } catch (...) {
      jobs_.push_back(std::make_shared<Slot>(std::current_exception()));
    }
    if (slot == nullptr) {
      source_ = nullptr;
      return;
    }
    jobs_.push_back(slot);
    if (options_.workers == 0) return;
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(slot));
    part_available_.notify_all();
  }
}

std::shared_ptr<Job> WorkQueue::next() {
  refill();
  if (jobs_.empty()) return nullptr;
  if (options_.workers > 0) {
    const std::shared_ptr<Slot> slot = wait_for_slot();
    refill();  // the place that became free
    return slot->take();
  }
  const std::shared_ptr<Slot> slot = std::move(jobs_.front());
  jobs_.pop_front();
  for (int64_t part = 0; part < slot->remaining; ++part) run_part(*slot, part, 0);
  if (slot->job != nullptr) finish(*slot);
  return slot->take();
}

std::shared_ptr<WorkQueue::Slot> WorkQueue::wait_for_slot() {
  auto ready = jobs_.end();
  const auto done = [](const std::shared_ptr<Slot>& slot) { return slot->remaining == 0; };
  const auto find = [&] {
    ready =
        options_.ordered ? (done(jobs_.front()) ? jobs_.begin() : jobs_.end()) : std::find_if(jobs_.begin(), jobs_.end(), done);
    return ready != jobs_.end();
  };
  std::unique_lock lock(mutex_);
  if (!options_.timeout) {
    job_done_.wait(lock, find);
  } else {
    check<TimeoutError>(job_done_.wait_for(lock, *options_.timeout, find),
                        "Timeout in DataLoader queue while waiting for next batch (timeout was {} ms)",
                        options_.timeout->count());
  }
  std::shared_ptr<Slot> slot = std::move(*ready);
  jobs_.erase(ready);
  return slot;
}

void WorkQueue::work(const std::stop_token& stop, int64_t worker) {
  std::exception_ptr unable;  // why this worker cannot work
  try {
    if (options_.worker_init) options_.worker_init(worker);
  } catch (...) {
    unable = std::current_exception();
  }
  std::unique_lock lock(mutex_);
  while (part_available_.wait(lock, stop, [&] { return !waiting_.empty(); })) {
    if (stop.stop_requested()) return;
    const std::shared_ptr<Slot> slot = waiting_.front();
    const int64_t part = slot->begun++;
    if (slot->begun == static_cast<int64_t>(slot->errors.size())) waiting_.pop_front();
    lock.unlock();
    if (unable != nullptr)
      slot->errors[part] = unable;
    else
      run_part(*slot, part, worker);
    lock.lock();
    if (slot->remaining == 1) {  // all other parts are done
      lock.unlock();
      finish(*slot);
      lock.lock();
    }
    if (--slot->remaining == 0) job_done_.notify_one();
  }
}

void WorkQueue::run_part(Slot& slot, int64_t part, int64_t worker) {
  const OneThread one_thread;
  try {
    slot.job->run(part, worker);
  } catch (...) {
    slot.errors[part] = std::current_exception();
  }
}

void WorkQueue::finish(Slot& slot) {
  if (slot.first_error() != nullptr) return;
  const OneThread one_thread;
  try {
    slot.job->finish();
  } catch (...) {
    slot.errors.front() = std::current_exception();
  }
}

}  // namespace tessera::data
