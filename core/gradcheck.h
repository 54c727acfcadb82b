// Checking gradients by finite differences.
#pragma once

#include <functional>

#include "core/tensor.h"

namespace tessera {

struct GradcheckOptions {
  double eps = 1e-6;    // step of the central difference
  double atol = 1e-6;
  double rtol = 1e-5;   // error <= atol + rtol * largest magnitude of the numeric gradient
  uint64_t seed = 1;    // of the cotangent
};

// Compares, for each input that requires a gradient, the gradient of f(inputs) = dot(g, function(inputs)) that backward gives
// with central differences, element by element. `g` is a fixed random cotangent, never all ones: sum() is blind to softmax and
// to normalisation. Inputs must be float64. Throws AutogradError naming the input, the worst element, both values and the
// error; a NaN is an error. The inputs' values are restored.
void gradcheck(const std::function<Tensor(const TensorList&)>& function, const TensorList& inputs,
               const GradcheckOptions& options = {});

// The same for the second derivative: gradcheck of the gradient itself, taken with create_graph.
void gradgradcheck(const std::function<Tensor(const TensorList&)>& function, const TensorList& inputs,
                   const GradcheckOptions& options = {});

}  // namespace tessera
