// Where a tensor's memory lies.
#pragma once

#include <string>

#include "core/error.h"

namespace tessera {

enum class DeviceType : uint8_t { CPU, CUDA };
inline constexpr DeviceType kCPU = DeviceType::CPU, kCUDA = DeviceType::CUDA;

// A device type and an index. Written "cpu", "cuda" or "cuda:1". Index -1 leaves the choice open: "cuda" is the first GPU.
class Device {
 public:
  Device(DeviceType type = kCPU, int index = -1) : type_(type), index_(index) {}  // NOLINT: implicit, as kCPU stands for a device
  Device(const std::string& text);                                                // NOLINT; throws ValueError
  Device(const char* text) : Device(std::string(text)) {}                         // NOLINT

  DeviceType type() const { return type_; }
  int index() const { return index_; }
  bool has_index() const { return index_ != -1; }
  bool is_cpu() const { return type_ == kCPU; }
  bool is_cuda() const { return type_ == kCUDA; }
  // The place that a tensor of this device has: "cpu" without an index, CUDA with one.
  Device resolved() const { return is_cpu() ? Device(kCPU) : Device(kCUDA, has_index() ? index_ : 0); }
  std::string str() const { return std::string(is_cpu() ? "cpu" : "cuda") + (has_index() ? ":" + std::to_string(index_) : ""); }
  friend bool operator==(const Device&, const Device&) = default;

 private:
  DeviceType type_;
  int index_;
};

}  // namespace tessera

template <> struct fmt::formatter<tessera::Device> : fmt::formatter<std::string> {
  auto format(const tessera::Device& d, fmt::format_context& ctx) const {
    return fmt::formatter<std::string>::format(d.str(), ctx);
  }
};
