// The errors that kernels raise. core/error.h has the others.
#pragma once

#include <stdexcept>

namespace tessera {

struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};
struct DeviceError : Error { using Error::Error; };  // a device, its memory or a kernel that this build or machine lacks

}  // namespace tessera
