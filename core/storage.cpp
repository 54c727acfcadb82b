#include "core/storage.h"

#include <charconv>

#include "core/allocator.h"
#include "kernels/cuda/memory.h"

namespace tessera {

Device::Device(const std::string& text) : type_(kCPU), index_(-1) {
  const std::string name = text.substr(0, text.find(':'));
  bool valid = name == "cpu" || name == "cuda";
  if (valid && name.size() < text.size()) {
    const char* end = text.data() + text.size();
    const auto [last, error] = std::from_chars(text.data() + name.size() + 1, end, index_);
    valid = error == std::errc() && last == end && index_ >= 0 && (name == "cuda" || index_ == 0);
  }
  check<ValueError>(valid, "device \"{}\" is unknown. Use cpu, cuda or cuda:N.", text);
  type_ = name == "cuda" ? kCUDA : kCPU;
}

Storage::Storage(size_t bytes, Device device) : data_(nullptr), bytes_(bytes), device_(device.resolved()) {
  if (device_.is_cpu()) {
    data_ = allocate_host(bytes);
  } else {
    kernels::cuda::require_device(device_.index());
    const kernels::cuda::DeviceGuard guard(device_.index());
    data_ = kernels::cuda::allocate(bytes);
  }
}

Storage::Storage(void* data, size_t bytes, Device device, std::function<void(void*)> deleter)
    : data_(data), bytes_(bytes), device_(device.resolved()), deleter_(std::move(deleter)) {}

Storage::~Storage() {
  if (deleter_) deleter_(data_);
  else if (device_.is_cpu()) free_host(data_, bytes_);
  else kernels::cuda::deallocate(data_);
}

}  // namespace tessera
