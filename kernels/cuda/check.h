// Errors of the CUDA runtime as exceptions. For files of kernels/cuda that include CUDA headers.
#pragma once

#include <cuda_runtime_api.h>

#include <string>

#include "kernels/error.h"

namespace tessera::kernels::cuda {

// Throws DeviceError "cuda: WHAT: the runtime's message" unless the call succeeded.
inline void check(cudaError_t status, const char* what) {
  if (status == cudaSuccess) [[likely]] return;
  cudaGetLastError();  // an error that the caller handles must not turn up again at the next launch
  throw DeviceError(std::string("cuda: ") + what + ": " + cudaGetErrorString(status));
}

}  // namespace tessera::kernels::cuda
