// Batched matrix product: out[b, m, n] = sum over k of a[b, m, k] * b[b, k, n].
//
// Views [B, M, K] x [B, K, N] -> [B, M, N] of one floating dtype with any strides: a transposed factor is a pair of exchanged
// strides, a batch that is broadcast has stride 0. K = 0 gives zeros.
#pragma once

#include "kernels/view.h"

namespace tessera::kernels {

using Matmul = void(const View& out, const View& a, const View& b);

namespace reference {
Matmul matmul;
}
namespace cpu {
Matmul matmul;
}  // namespace cpu

namespace cuda {
// Not written yet: weak, so that a CUDA build links and the kernel table reports them by name.
[[gnu::weak]] Matmul matmul;
}  // namespace cuda

}  // namespace tessera::kernels
