#include "tools/batch_upload.h"

#include "core/ops/copy.h"

namespace tessera::tools {

DeviceBatch BatchUpload::operator()(const data::Batch& batch) const {
  if (!copies_) return {batch.images.to(device_), batch.labels.to(device_)};
  const cuda::DeviceGuard device(device_);
  DeviceBatch there;
  {
    const cuda::StreamGuard guard(*copies_);
    there = {batch.images.pin_memory().to(device_, /*non_blocking=*/true),
             batch.labels.pin_memory().to(device_, /*non_blocking=*/true)};
  }
  const cuda::Stream compute = cuda::current_stream();
  compute.wait(*copies_);
  compute.record_use(there.images);
  compute.record_use(there.labels);
  return there;
}

}  // namespace tessera::tools
