// The window of a pooling op on the device. For .cu files.
#pragma once

#include "kernels/cuda/image.h"
#include "kernels/pool/pool.h"

namespace tessera::kernels::cuda {

struct Window {
  int kernel[2], stride[2], padding[2], dilation[2];
  FastDivisor by_stride[2];
  explicit Window(const Pool2dParams& p) {
    for (int a = 0; a < 2; ++a) {
      kernel[a] = static_cast<int>(p.kernel[a]);
      stride[a] = static_cast<int>(p.stride[a]);
      padding[a] = static_cast<int>(p.padding[a]);
      dilation[a] = static_cast<int>(p.dilation[a]);
      by_stride[a] = FastDivisor(p.stride[a]);
    }
  }
  bool is_square(int size) const { return kernel[0] == size && kernel[1] == size && dilation[0] == 1 && dilation[1] == 1; }
  bool is_partition() const {  // windows side by side
    bool result = true;
    for (int a = 0; a < 2; ++a) result = result && kernel[a] == stride[a] && padding[a] == 0 && dilation[a] == 1;
    return result;
  }
};

}  // namespace tessera::kernels::cuda
