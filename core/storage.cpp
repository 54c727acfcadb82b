#include "core/storage.h"

#include <charconv>

#include "core/allocator.h"

namespace tessera {

Device::Device(const std::string& text) : type_(kCPU), index_(0) {
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

Storage::Storage(size_t bytes, Device device) : data_(nullptr), bytes_(bytes), device_(device) {
  check<DeviceError>(device.is_cpu(), "device {} was asked for, but this build of Tessera has no CUDA. Use cpu.", device);
  data_ = allocate_host(bytes);
}

Storage::Storage(void* data, size_t bytes, Device device, std::function<void(void*)> deleter)
    : data_(data), bytes_(bytes), device_(device), deleter_(std::move(deleter)) {}

Storage::~Storage() {
  if (deleter_) deleter_(data_);
  else free_host(data_, bytes_);
}

}  // namespace tessera
