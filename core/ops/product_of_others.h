// The derivative of a product, as a function that has derivatives itself. For core/ops/reduce.cpp.
#pragma once

#include "core/tensor.h"

namespace tessera {

// For each element of x the product of the others that are reduced with it over `dims` ({}: all), exact where some are 0; made of
// ops, which can be differentiated any number of times. About 6 log2(n) passes over x for products of n elements.
Tensor product_of_others(const Tensor& x, IntArrayRef dims);

}  // namespace tessera
