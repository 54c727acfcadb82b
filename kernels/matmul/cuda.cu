// The entry point of the matrix product on CUDA devices: which way the arguments go.
#include "kernels/matmul/cuda_paths.h"

namespace tessera::kernels::cuda {

void matmul(const View& out, const View& a, const View& b, const MatmulParams& params) {
  if (out.numel() == 0) return;
  if (hopper_matmul(out, a, b, params)) return;
  if (fma_matmul(out, a, b)) return;
  plain::matmul(out, a, b, params);
}

}  // namespace tessera::kernels::cuda
