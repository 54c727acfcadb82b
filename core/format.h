// Printing.
#pragma once

#include <iosfwd>

#include "core/tensor.h"

namespace tessera {

// The numbers in columns and the type and sizes below, as libtorch prints them: "[ CPUFloatType{2,3} ]". All numbers of a matrix
// have one width; where their magnitudes differ too much for that they have a common factor in front, or exponents. Rows longer
// than 80 characters are cut into blocks of columns; tensors of more than two dimensions are printed matrix by matrix.
std::ostream& operator<<(std::ostream& os, const Tensor& x);

std::ostream& operator<<(std::ostream& os, ScalarType type);       // Float, Double, Long, ...
std::ostream& operator<<(std::ostream& os, const Device& device);  // cpu, cuda:0
std::ostream& operator<<(std::ostream& os, const Scalar& value);
std::ostream& operator<<(std::ostream& os, IntArrayRef values);  // [2, 3]

}  // namespace tessera
