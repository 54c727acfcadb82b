// Copies between layouts of one dtype: bytes are moved, not converted. Used by the fast `copy`.
#pragma once

#include "kernels/elementwise/plan.h"

namespace tessera::kernels::cpu {

// Operand 1 to operand 0; both have the same dtype.
void move_elements(const ElementwisePlan<2>& plan);

}  // namespace tessera::kernels::cpu
