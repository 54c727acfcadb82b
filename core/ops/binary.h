#pragma once
#include "core/tensor.h"
namespace tessera {
Tensor add(const Tensor& a, const Tensor& b, const Scalar& alpha = 1);
Tensor mul(const Tensor& a, const Tensor& b);
}  // namespace tessera
