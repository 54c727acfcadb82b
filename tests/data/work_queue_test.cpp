#include "data/work_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <set>

#include "tests/support/message_of.h"

namespace tessera::data {
namespace {

using testing_support::message_of;
using namespace std::chrono_literals;

// Counts its parts; some sleep, some throw.
struct CountingJob : Job {
  explicit CountingJob(int64_t number, int64_t count = 1) : number(number), count(count) {}
  int64_t parts() const override { return count; }
  void run(int64_t part, int64_t worker) override {
    last_worker = worker;
    if (nap > 0ms) std::this_thread::sleep_for(nap);
    if (bad.contains(part)) throw std::runtime_error("part " + std::to_string(part));
    ++done;
  }
  void finish() override { finished_with = done; }
  const int64_t number, count;
  std::chrono::milliseconds nap = 0ms;
  std::set<int64_t> bad;
  std::atomic<int64_t> done = 0, last_worker = -1;
  int64_t finished_with = -1;
};

WorkQueue::Source jobs(int64_t count, std::function<void(CountingJob&)> prepare = {}, int64_t parts = 1) {
  return [=, next = int64_t{0}]() mutable -> std::shared_ptr<Job> {
    if (next == count) return nullptr;
    auto job = std::make_shared<CountingJob>(next++, parts);
    if (prepare) prepare(*job);
    return job;
  };
}

CountingJob* next(WorkQueue& queue) {
  static thread_local std::shared_ptr<Job> kept;
  kept = queue.next();
  return static_cast<CountingJob*>(kept.get());
}

TEST(WorkQueue, JobsComeInOrderAndWhole) {
  for (int64_t workers : {0, 1, 4}) {
    WorkQueue queue({.workers = workers, .max_jobs = 3});
    EXPECT_EQ(queue.next(), nullptr) << "before start()";
    queue.start(jobs(
        20, [](CountingJob& job) { job.nap = std::chrono::milliseconds(job.number % 3); }, 4));
    for (int64_t i = 0; i < 20; ++i) {
      const CountingJob* job = next(queue);
      ASSERT_NE(job, nullptr);
      EXPECT_EQ(job->number, i);
      EXPECT_EQ(job->finished_with, 4) << "finish() sees all parts";
      EXPECT_LT(job->last_worker, std::max<int64_t>(1, workers));
    }
    EXPECT_EQ(queue.next(), nullptr);
    EXPECT_EQ(queue.next(), nullptr) << "the end stays the end";
  }
}

TEST(WorkQueue, WithoutOrderTheFirstDoneComesFirst) {
  for (const bool ordered : {true, false}) {
    WorkQueue queue({.workers = 2, .max_jobs = 2, .ordered = ordered});
    std::atomic<bool> released = false;
    struct Gate : Job {
      explicit Gate(std::atomic<bool>& open) : open(open) {}
      void run(int64_t, int64_t) override {
        while (!open) std::this_thread::sleep_for(1ms);
      }
      std::atomic<bool>& open;
    };
    const std::shared_ptr<Job> slow = std::make_shared<Gate>(released), fast = std::make_shared<CountingJob>(1);
    queue.start([list = std::deque{slow, fast}]() mutable -> std::shared_ptr<Job> {
      if (list.empty()) return nullptr;
      const auto job = list.front();
      list.pop_front();
      return job;
    });
    if (ordered) released = true;
    const std::shared_ptr<Job> first = queue.next();
    EXPECT_EQ(first, ordered ? slow : fast);
    released = true;
    EXPECT_NE(queue.next(), first);
  }
}

TEST(WorkQueue, ErrorsComeInTheirPlace) {
  for (int64_t workers : {0, 3}) {
    WorkQueue queue({.workers = workers, .max_jobs = 2});
    queue.start(jobs(
        4,
        [](CountingJob& job) {
          if (job.number == 1) job.bad = {2, 1};
        },
        3));
    EXPECT_EQ(next(queue)->number, 0);
    EXPECT_EQ(message_of<std::runtime_error>([&] { queue.next(); }), "part 1") << "the first of the parts";
    EXPECT_EQ(next(queue)->number, 2);
    EXPECT_EQ(next(queue)->number, 3);
    EXPECT_EQ(queue.next(), nullptr);
  }
}

TEST(WorkQueue, ErrorsOfSourceFinishAndWorkerInitReachTheCaller) {
  struct BadFinish : CountingJob {
    using CountingJob::CountingJob;
    void finish() override { throw std::runtime_error("finish"); }
  };
  for (int64_t workers : {0, 2}) {
    WorkQueue queue({.workers = workers, .max_jobs = 4});
    queue.start([next = 0]() mutable -> std::shared_ptr<Job> {
      if (next == 2) throw std::runtime_error("source");
      if (next++ == 0) return std::make_shared<BadFinish>(0, 2);
      return std::make_shared<CountingJob>(1);
    });
    EXPECT_EQ(message_of<std::runtime_error>([&] { queue.next(); }), "finish");
    EXPECT_EQ(next(queue)->number, 1);
    EXPECT_EQ(message_of<std::runtime_error>([&] { queue.next(); }), "source");
    EXPECT_EQ(queue.next(), nullptr) << "the run ends there";
  }
  WorkQueue queue({.workers = 1, .max_jobs = 2, .worker_init = [](int64_t) { throw std::runtime_error("init"); }});
  queue.start(jobs(1));
  EXPECT_EQ(message_of<std::runtime_error>([&] { queue.next(); }), "init");
}

TEST(WorkQueue, TimesOutAndKeepsTheJob) {
  WorkQueue queue({.workers = 1, .max_jobs = 1, .timeout = 5ms});
  queue.start(jobs(1, [](CountingJob& job) { job.nap = 300ms; }));
  EXPECT_EQ(message_of<TimeoutError>([&] { queue.next(); }),
            "Timeout in DataLoader queue while waiting for next batch (timeout was 5 ms)");
  for (;;) try {
      EXPECT_EQ(next(queue)->number, 0);
      break;
    } catch (const TimeoutError&) {  // not yet
    }
}

TEST(WorkQueue, EachWorkerIsInitialisedOnceBeforeItsFirstPart) {
  std::mutex mutex;
  std::multiset<int64_t> seen;
  {
    WorkQueue queue({.workers = 3, .max_jobs = 2, .worker_init = [&](int64_t worker) {
                       const std::lock_guard lock(mutex);
                       seen.insert(worker);
                     }});
    queue.start(jobs(50));
    while (queue.next()) {
    }
  }
  EXPECT_EQ(seen, (std::multiset<int64_t>{0, 1, 2}));
}

TEST(WorkQueue, EndsAndRestartsWhileBusy) {
  for (int round = 0; round < 5; ++round) {
    WorkQueue queue({.workers = 4, .max_jobs = 8});
    queue.start(jobs(
        100, [](CountingJob& job) { job.nap = 3ms; }, 5));
    for (int i = 0; i < round; ++i) EXPECT_EQ(next(queue)->number, i);
    queue.start(jobs(3, {}, 2));
    if (round % 2 == 0) {
      EXPECT_EQ(next(queue)->number, 0);
    }
  }  // destroyed with work under way
}

TEST(WorkQueue, RefusesWrongOptions) {
  EXPECT_THROW(WorkQueue({.workers = -1}), ValueError);
  EXPECT_THROW(WorkQueue({.workers = 5000}), ValueError);
  EXPECT_THROW(WorkQueue({.workers = 1, .max_jobs = 0}), ValueError);
}

}  // namespace
}  // namespace tessera::data
