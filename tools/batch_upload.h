// Batches on their way to the device.
#pragma once

#include <optional>

#include "core/cuda.h"
#include "data/batch.h"

namespace tessera::tools {

struct DeviceBatch {
  Tensor images, labels;
};

// Copies batches beside the computation: by way of pinned memory, on a stream of its own, for which the current stream waits, and
// the host does not. On the cpu a batch is there already.
class BatchUpload {
 public:
  explicit BatchUpload(const Device& device) : device_(device) {
    if (device.is_cuda()) {
      const cuda::DeviceGuard guard(device);
      copies_.emplace();
    }
  }
  DeviceBatch operator()(const data::Batch& batch) const;

 private:
  Device device_;
  std::optional<cuda::Stream> copies_;
};

}  // namespace tessera::tools
