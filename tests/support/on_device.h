// Copies of test buffers on the GPU, and views of them: a CUDA kernel is called like the CPU's.
#pragma once

#include <gtest/gtest.h>

#include <initializer_list>
#include <stdexcept>
#include <vector>

#include "kernels/cuda/memory.h"
#include "tests/support/strided_buffer.h"

namespace tessera::testing_support {

// Skips the test, by name, on a machine without a GPU.
#define TESSERA_NEEDS_GPU() \
  if (kernels::cuda::device_count() == 0) GTEST_SKIP() << "this machine has no CUDA GPU"

class OnDevice {
 public:
  OnDevice(std::initializer_list<const StridedBuffer*> buffers) {
    for (const StridedBuffer* buffer : buffers) {
      const auto& memory = buffer->memory();
      auto* host = const_cast<unsigned char*>(memory.data());
      copies_.push_back({host, static_cast<unsigned char*>(kernels::cuda::allocate(memory.size())), memory.size()});
      kernels::cuda::copy_bytes(copies_.back().device, host, memory.size());
    }
  }
  ~OnDevice() {
    for (const Copy& copy : copies_) kernels::cuda::deallocate(copy.device);
  }
  OnDevice(const OnDevice&) = delete;
  OnDevice& operator=(const OnDevice&) = delete;

  // The same elements of the copy. A view without data stays one.
  View operator()(View view) const {
    const auto* at = static_cast<unsigned char*>(view.data);
    if (at == nullptr) return view;
    for (const Copy& copy : copies_) {
      if (at < copy.host || at >= copy.host + copy.bytes) continue;
      view.data = copy.device + (at - copy.host);
      return view;
    }
    throw std::logic_error("OnDevice: the view belongs to none of the buffers");
  }

  // Brings everything back into the buffers.
  void fetch() const {
    kernels::cuda::synchronize_device();
    for (const Copy& copy : copies_) kernels::cuda::copy_bytes(copy.host, copy.device, copy.bytes);
    kernels::cuda::synchronize_device();
  }

 private:
  struct Copy {
    unsigned char *host, *device;
    size_t bytes;
  };
  std::vector<Copy> copies_;
};

}  // namespace tessera::testing_support
