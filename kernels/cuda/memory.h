// Memory of CUDA devices, pinned host memory, and copies of bytes. No CUDA header is needed to include this.
//
// Freed blocks are kept and handed out again: cudaMalloc takes a millisecond and cudaFree waits for the device. Device memory is
// stream-ordered: a block belongs to the stream that was current when it was allocated, and may be freed while that stream still
// works on it, because only later work of the same stream can get it next.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/cuda/runtime.h"
#include "kernels/memory_stats.h"

namespace tessera::kernels::cuda {

// Memory of the current device for its current stream, aligned to 512 bytes, uninitialised; with TESSERA_POISON=1 filled with
// 0xFF. Throws DeviceError, also when memory runs out. 0 bytes give nullptr. Thread-safe.
void* allocate(size_t bytes);
void deallocate(void* data) noexcept;
// Says that work in `stream` uses the block too: its memory is not handed out again before that work has ended.
void record_use(void* data, Stream stream);

MemoryStats memory_stats(int device);
void reset_peak_memory_stats(int device);
void empty_cache();  // gives blocks that nobody uses back, on all devices and in pinned memory

// Page-locked host memory, which copies need in order to run beside the host. A freed block is handed out again when the
// asynchronous copies that copy_bytes started on it have ended.
void* allocate_pinned(size_t bytes);
void deallocate_pinned(void* data) noexcept;
bool is_pinned(const void* data);

// Copies between any two devices or device and host, on the current stream of the current device. Returns before the copy has
// ended unless one side is pageable host memory; the caller keeps both sides alive (deallocate is fine) and unchanged. DeviceError
// for host memory while a CUDA graph is recorded (require_no_capture).
void copy_bytes(void* to, const void* from, size_t bytes);
void fill_bytes(void* to, unsigned char value, size_t bytes);

// Scratch memory of a kernel, on the current device and stream.
template <class T> class DeviceScratch {
 public:
  explicit DeviceScratch(int64_t count) : data_(static_cast<T*>(allocate(static_cast<size_t>(count) * sizeof(T)))) {}
  ~DeviceScratch() { deallocate(data_); }
  DeviceScratch(const DeviceScratch&) = delete;
  DeviceScratch& operator=(const DeviceScratch&) = delete;
  T* data() const { return data_; }

 private:
  T* data_;
};

}  // namespace tessera::kernels::cuda
