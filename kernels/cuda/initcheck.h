// What compute-sanitizer's initcheck cannot see by itself. Host code.
#pragma once

#include "kernels/view.h"

namespace tessera::kernels::cuda {

// Says that the work last launched on the current stream writes all elements of the view, by stores of the copy engine (TMA), which the
// tool does not count as writes: whoever reads them would be reported. Under `compute-sanitizer --tool initcheck --nvtx yes` the memory
// from the first to the last element then counts as initialised, gaps included; without a tool nothing happens.
void mark_initialized(const View& written);

}  // namespace tessera::kernels::cuda
