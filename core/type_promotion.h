// Which dtype an op on mixed operands gives: PyTorch's rule.
//
// bool < integers < floating point. Between tensors of at least one dimension the smallest common dtype wins (int32 + int64 ->
// int64, uint8 + int8 -> int16, float16 + bfloat16 -> float32). A 0-dimensional tensor or a Scalar raises the dtype only if its category is higher:
// float32 tensor + double scalar -> float32; int64 tensor + 0.5 -> the default dtype.
#pragma once

#include "core/tensor.h"

namespace tessera {

ScalarType promote_types(ScalarType a, ScalarType b);
ScalarType result_type(const Tensor& a, const Tensor& b);
ScalarType result_type(const Tensor& a, const Scalar& b);
bool is_integral(ScalarType type);  // uint8, int8 to int64; not bool

}  // namespace tessera
