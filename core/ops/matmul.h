// Matrix products. Operands share one floating dtype and device; any strides, transposed views cost nothing extra.
// All can be differentiated any number of times. Shapes that do not fit throw ShapeError, other dtypes TypeError.
#pragma once

#include "core/tensor.h"

namespace tessera {

// [M, K] x [K, N] -> [M, N]
Tensor mm(const Tensor& a, const Tensor& b);
// [B, M, K] x [B, K, N] -> [B, M, N], without broadcasting
Tensor bmm(const Tensor& a, const Tensor& b);
// [K] x [K] -> []
Tensor dot(const Tensor& a, const Tensor& b);
// NumPy's product: a 1-d operand is a row on the left and a column on the right, and its dimension is dropped from the result;
// dimensions before the last two are batches and broadcast.
Tensor matmul(const Tensor& a, const Tensor& b);
// beta * input + alpha * mm(a, b); input broadcasts to [M, N].
Tensor addmm(const Tensor& input, const Tensor& a, const Tensor& b, const Scalar& beta = 1, const Scalar& alpha = 1);
// input [..., in], weight [out, in], bias [out] or undefined -> input x weight^T + bias [..., out]
Tensor linear(const Tensor& input, const Tensor& weight, const Tensor& bias = {});

}  // namespace tessera
