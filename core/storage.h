// Storage: one block of memory, shared by a tensor and all its views.
#pragma once

#include <functional>

#include "core/device.h"

namespace tessera {

class Storage {
 public:
  Storage(size_t bytes, Device device);                                         // allocates, uninitialised
  Storage(void* data, size_t bytes, Device device, std::function<void(void*)> deleter);  // adopts
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  void* data() const { return data_; }
  size_t nbytes() const { return bytes_; }
  const Device& device() const { return device_; }

  // Counts in-place writes. The graph compares it with the value it saw when it saved a tensor, so that a backward pass never
  // computes with numbers that have changed since.
  uint64_t version() const { return version_; }
  void bump_version() { ++version_; }
  // The part of them that the graph recorded: a view that was taken before such a write no longer has the right history.
  uint64_t recorded_writes() const { return recorded_writes_; }
  void count_recorded_write() { ++recorded_writes_; }

 private:
  void* data_;
  size_t bytes_;
  Device device_;
  uint64_t version_ = 0, recorded_writes_ = 0;
  std::function<void(void*)> deleter_;  // empty: the memory is ours
};

}  // namespace tessera
