// The error of a class index out of range that a loss on a GPU has found.
//
// On the CPU the loss itself throws. On a GPU the host would have to wait for the device in each step to do that; instead the kernel
// leaves a report (kernels/cuda/target_check.h), and the host looks for one wherever it waits anyway (synchronize, item(), printing,
// copies to the CPU) and in the next loss. With TESSERA_CUDA_DEBUG=1 each kernel is waited for, so the loss itself throws again.
#pragma once

namespace tessera {

// Throws IndexError if there is a report, and forgets it. Costs a read of host memory.
void check_reported_targets();

}  // namespace tessera
