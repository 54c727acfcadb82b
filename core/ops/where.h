// Choosing between two tensors by a condition.
#pragma once

#include "core/tensor.h"

namespace tessera {

// condition != 0 ? a : b, element by element; the three shapes broadcast. Dtype: result_type(a, b). The gradient goes to the
// operand that was chosen, 0 to the other.
Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b);
Tensor where(const Tensor& condition, const Tensor& a, const Scalar& b);
Tensor where(const Tensor& condition, const Scalar& a, const Tensor& b);

// mask != 0 ? value : x, in x's dtype; the mask broadcasts to x. Gradient: 0 under the mask. Throws TypeError for a value that x's
// dtype cannot hold: a fraction, NaN or an infinity for integers.
Tensor masked_fill(const Tensor& x, const Tensor& mask, const Scalar& value);
const Tensor& masked_fill_(const Tensor& x, const Tensor& mask, const Scalar& value);

}  // namespace tessera
