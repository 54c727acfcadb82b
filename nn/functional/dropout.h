// nn::functional: dropout of elements and of channels. As in libtorch, and unlike the layers, the functions with option structs
// do nothing unless told to be training.
#pragma once

#include "core/ops/random.h"
#include "nn/options.h"

namespace tessera::nn::functional {

class DropoutFuncOptions {
 public:
  TESSERA_ARG(double, p) = 0.5;
  TESSERA_ARG(bool, training) = false;
  TESSERA_ARG(bool, inplace) = false;  // writes the result into the input
};
using Dropout2dFuncOptions = DropoutFuncOptions;

// core/ops/random.h
Tensor dropout(const Tensor& input, double p, bool training, bool inplace = false);
inline Tensor dropout(const Tensor& input, const DropoutFuncOptions& o = {}) {
  return dropout(input, o.p(), o.training(), o.inplace());
}
// In training x[n, c, ...] is multiplied by one number for each (n, c): 0 with probability p, else 1 / (1 - p). The input has at
// least two dimensions, else ShapeError.
Tensor dropout2d(const Tensor& input, double p, bool training, bool inplace = false);
inline Tensor dropout2d(const Tensor& input, const Dropout2dFuncOptions& o = {}) {
  return dropout2d(input, o.p(), o.training(), o.inplace());
}

// Throws ValueError unless p lies in [0, 1].
void check_dropout(const char* name, double p);

}  // namespace tessera::nn::functional
