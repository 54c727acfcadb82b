// Scratch memory for kernels: packed weights, partial sums, pointer tables.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tessera::kernels {

// A block of uninitialised memory, aligned to 64 bytes, that lives as long as this object. Freed blocks stay with their thread
// and are handed out again, so that a training loop asks the system for memory in its first step only.
class ScratchBlock {
 public:
  explicit ScratchBlock(size_t bytes);
  ~ScratchBlock();
  ScratchBlock(const ScratchBlock&) = delete;
  ScratchBlock& operator=(const ScratchBlock&) = delete;
  void* data() const { return data_; }

 private:
  void* data_ = nullptr;
  size_t bytes_ = 0;
};

template <class T> class Scratch {
 public:
  explicit Scratch(int64_t count) : block_(static_cast<size_t>(count) * sizeof(T)) {}
  T* data() const { return static_cast<T*>(block_.data()); }
  T& operator[](int64_t i) const { return data()[i]; }

 private:
  ScratchBlock block_;
};

}  // namespace tessera::kernels
