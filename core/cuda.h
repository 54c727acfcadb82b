// CUDA devices for the user: what there is, streams, events, waiting. All of it can be called in a build or on a machine without
// CUDA: device_count() is 0 there, and what needs a device throws DeviceError with the remedy.
//
//     cuda::Stream copies;
//     {
//       cuda::StreamGuard guard(copies);
//       next = batch.pin_memory().to(kCUDA, /*non_blocking=*/true);
//     }
//     cuda::current_stream().wait(copies);   // the network's stream waits, not the host
#pragma once

#include <memory>
#include <string>

#include "core/device.h"
#include "core/tensor.h"
#include "kernels/cuda/runtime.h"

namespace tessera::cuda {

inline int device_count() { return kernels::cuda::device_count(); }
inline bool is_available() { return device_count() > 0; }
std::string device_name(const Device& device = kCUDA);
// Waits for all work on a device; returns at once for the cpu.
void synchronize(const Device& device = kCUDA);

// Makes a CUDA device current until the end of the scope: the one that streams and events are made for. Does nothing for the cpu.
class DeviceGuard {
 public:
  explicit DeviceGuard(const Device& device);

 private:
  std::unique_ptr<kernels::cuda::DeviceGuard> guard_;
};

class Event;

// A queue of work on the current device; a shared handle.
class Stream {
 public:
  Stream();  // a new one, which does not wait for the default stream
  void synchronize() const;                // the host waits for the work queued so far
  void wait(const Event& event) const;     // work queued later waits for the event
  void wait(const Stream& other) const;    // ... for all work queued in `other` so far
  void record_use(const Tensor& x) const;  // x's memory is not handed out again before the work queued so far has ended
  kernels::cuda::Stream get() const { return stream_.get(); }

 private:
  explicit Stream(std::shared_ptr<CUstream_st> stream) : stream_(std::move(stream)) {}
  friend Stream current_stream();
  std::shared_ptr<CUstream_st> stream_;
};

// The stream on which this thread's kernels run on the current device. The handle does not keep the stream alive.
Stream current_stream();

// Makes a stream current until the end of the scope.
class StreamGuard {
 public:
  explicit StreamGuard(const Stream& stream);
  ~StreamGuard();
  StreamGuard(const StreamGuard&) = delete;
  StreamGuard& operator=(const StreamGuard&) = delete;

 private:
  Stream stream_;
  kernels::cuda::Stream previous_;
};

// A point in a stream. With `timing` the time between two of them can be taken.
class Event {
 public:
  explicit Event(bool timing = false);
  void record() const { record(current_stream()); }
  void record(const Stream& stream) const;
  void synchronize() const;     // the host waits
  bool query() const;           // has the work before it ended?
  float elapsed_time(const Event& end) const;  // milliseconds from this event to `end`, both recorded and past
  kernels::cuda::Event get() const { return event_.get(); }

 private:
  std::shared_ptr<CUevent_st> event_;
};

}  // namespace tessera::cuda
