// The engine under the data loaders: work done ahead of time by threads, handed over in order.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "core/error.h"

namespace tessera::data {

// One result in the making, usually a batch. Its parts may be done by several workers at once, so that the first batch of an
// epoch is there after a part's time. Ops that a part calls run on one thread.
class Job {
 public:
  virtual ~Job() = default;
  virtual int64_t parts() const { return 1; }  // at least 1
  // Does one part. `worker` is 0 .. workers - 1; one worker does one part at a time.
  virtual void run(int64_t part, int64_t worker) = 0;
  // Called once, after the last part, by the worker that did it; not if a part threw.
  virtual void finish() {}
};

struct WorkQueueOptions {
  int64_t workers = 0;   // threads; 0 does each job when it is asked for, on the caller's thread, as worker 0
  int64_t max_jobs = 1;  // jobs made ahead, at most: bounds the memory. Without workers it is not used.
  bool ordered = true;   // jobs come in the order of the source; without, those that are done come before those that are not
  std::optional<std::chrono::milliseconds> timeout = {};  // of one next(); without workers it is not used
  std::function<void(int64_t worker)> worker_init = {};   // called by each worker before its first part
};

struct TimeoutError : Error {
  using Error::Error;
};

// Usage:
//     queue.start(source);
//     while (const std::shared_ptr<Job> job = queue.next()) ...
//
// The source is asked for jobs on the caller's thread alone, in start() and next(). What a part, finish() or worker_init throws
// comes out of next() in the place of its job (the first in the order of the parts, if there are several), and the call after it
// gives the next job. What the source throws comes out in the place of the job that it did not make, and the run ends there.
// start() may be called again and the queue destroyed at any time: parts that nobody has begun are dropped, and the destructor
// waits for those under way. start() waits for nothing, so a dropped part may still be under way beside parts of the new run.
class WorkQueue {
 public:
  using Source = std::function<std::shared_ptr<Job>()>;  // the next job, or null at the end

  // Throws ValueError for workers outside 0..1024 or max_jobs < 1.
  explicit WorkQueue(WorkQueueOptions options);
  WorkQueue(const WorkQueue&) = delete;
  WorkQueue& operator=(const WorkQueue&) = delete;

  void start(Source source);
  // The next job, done; null at the end, and before start(). Throws TimeoutError if it is not done in time; the job is not lost,
  // the next call waits for it again. One caller at a time.
  std::shared_ptr<Job> next();
  bool has_jobs_ahead() const { return !jobs_.empty(); }  // made, not handed over yet

 private:
  struct Slot;  // a job and how far it is

  void refill();
  void work(const std::stop_token& stop, int64_t worker);
  static void run_part(Slot& slot, int64_t part, int64_t worker);
  static void finish(Slot& slot);
  std::shared_ptr<Slot> wait_for_slot();

  const WorkQueueOptions options_;
  Source source_;                           // this and jobs_ belong to the caller's thread
  std::deque<std::shared_ptr<Slot>> jobs_;  // made ahead, in the order of the source

  std::mutex mutex_;                            // guards the rest, and the slots' progress
  std::condition_variable_any part_available_;  // for the workers
  std::condition_variable job_done_;            // for the caller
  std::deque<std::shared_ptr<Slot>> waiting_;   // slots with parts that nobody has begun
  std::vector<std::jthread> workers_;           // last, so that they end before what they use
};

}  // namespace tessera::data
