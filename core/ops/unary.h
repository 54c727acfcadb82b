#pragma once
#include "core/tensor.h"
namespace tessera {
Tensor isfinite(const Tensor& x);
}  // namespace tessera
