// Printing.
#pragma once

#include <iosfwd>

#include "core/tensor.h"

namespace tessera {

// Nested rows and, below them, dtype and shape; long dimensions of tensors above 1000 elements are cut in the middle.
std::ostream& operator<<(std::ostream& os, const Tensor& x);

}  // namespace tessera
