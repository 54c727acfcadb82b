#pragma once
#include "core/tensor.h"
namespace tessera {
Tensor sum(const Tensor& x, IntArrayRef dims = {}, bool keepdim = false);
Tensor all(const Tensor& x);
}  // namespace tessera
