#include "core/invalid_target.h"

#include "core/error.h"
#include "kernels/cuda/target_check.h"

namespace tessera {

void check_reported_targets() {
  const auto found = kernels::cuda::take_invalid_target();
  if (!found) return;
  throw IndexError(
      fmt::format("{}: target {} at element {} is out of range for {} classes. Targets to be left out must equal ignore_index, "
                  "which is {}.",
                  found->fused ? "cross_entropy" : "nll_loss", found->target, found->pixel, found->classes, found->ignore_index));
}

}  // namespace tessera
