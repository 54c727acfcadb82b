// TensorOptions: dtype, device and requires_grad of a tensor to be made, in the chained style of libtorch:
//     zeros({2, 3}, dtype(kFloat64).requires_grad(true))
#pragma once

#include <optional>

#include "core/device.h"
#include "core/layout.h"

namespace tessera {

// The dtype of factory functions and of floating literals: float32 unless changed. Throws TypeError for non-floating types.
ScalarType get_default_dtype();
void set_default_dtype(ScalarType type);

class TensorOptions {
 public:
  TensorOptions() = default;
  TensorOptions(ScalarType type) : dtype_(type) {}    // NOLINT: implicit, as in libtorch
  TensorOptions(Device device) : device_(device) {}   // NOLINT
  TensorOptions(DeviceType type) : device_(type) {}   // NOLINT
  TensorOptions(const char* device) : device_(device) {}          // NOLINT
  TensorOptions(const std::string& device) : device_(device) {}   // NOLINT
  TensorOptions(MemoryFormat format) : memory_format_(format) {}  // NOLINT

  TensorOptions dtype(ScalarType type) const { return with([&](auto& o) { o.dtype_ = type; }); }
  TensorOptions device(Device device) const { return with([&](auto& o) { o.device_ = device; }); }
  TensorOptions device(DeviceType type, int index) const { return device(Device(type, index)); }
  TensorOptions device_index(int index) const { return device(Device(kCUDA, index)); }
  TensorOptions requires_grad(bool value) const { return with([&](auto& o) { o.requires_grad_ = value; }); }
  TensorOptions memory_format(MemoryFormat format) const { return with([&](auto& o) { o.memory_format_ = format; }); }

  bool has_dtype() const { return dtype_.has_value(); }
  bool has_device() const { return device_.has_value(); }
  ScalarType dtype() const { return dtype_.value_or(get_default_dtype()); }
  Device device() const { return device_.value_or(Device(kCPU)); }
  bool requires_grad() const { return requires_grad_.value_or(false); }
  bool has_requires_grad() const { return requires_grad_.has_value(); }
  std::optional<ScalarType> dtype_opt() const { return dtype_; }
  std::optional<Device> device_opt() const { return device_; }
  std::optional<MemoryFormat> memory_format_opt() const { return memory_format_; }

 private:
  template <class F> TensorOptions with(F&& change) const {
    TensorOptions copy = *this;
    change(copy);
    return copy;
  }
  std::optional<ScalarType> dtype_;
  std::optional<Device> device_;
  std::optional<MemoryFormat> memory_format_;
  std::optional<bool> requires_grad_;
};

inline TensorOptions dtype(ScalarType type) { return TensorOptions().dtype(type); }
inline TensorOptions device(Device device) { return TensorOptions().device(device); }
inline TensorOptions device(DeviceType type, int index) { return TensorOptions().device(type, index); }
inline TensorOptions device_index(int index) { return TensorOptions().device_index(index); }
inline TensorOptions requires_grad(bool value = true) { return TensorOptions().requires_grad(value); }

}  // namespace tessera
