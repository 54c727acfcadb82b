// Batched matrix product: out[b, m, n] = sum over k of a[b, m, k] * b[b, k, n].
//
// Views [B, M, K] x [B, K, N] -> [B, M, N] of one floating dtype with any strides: a transposed factor is a pair of exchanged
// strides, a batch that is broadcast has stride 0. K = 0 gives zeros.
#pragma once

#include "kernels/precision.h"
#include "kernels/view.h"

namespace tessera::kernels {

struct MatmulParams {
  Float32Precision precision = Float32Precision::Highest;  // of float32 operands
};

using Matmul = void(const View& out, const View& a, const View& b, const MatmulParams&);

namespace reference {
Matmul matmul;
}
namespace cpu {
Matmul matmul;
}  // namespace cpu

namespace cuda {
Matmul matmul;
}  // namespace cuda

}  // namespace tessera::kernels
