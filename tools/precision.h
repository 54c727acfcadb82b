// The precisions that a run can have: the words of --precision.
#pragma once

#include <optional>
#include <string>

#include "core/autocast.h"

namespace tessera::tools {

// fp32: float32 as exact as it comes. tf32: products of float32 with operands rounded to TensorFloat32, on CUDA devices. bf16:
// autocast to bfloat16. Throws UsageError for another word.
void check_precision(const std::string& precision);

// For the whole process: how float32 products are computed.
void use_precision(const std::string& precision);

// Autocast while it lives, if the precision is bf16.
class PrecisionScope {
 public:
  PrecisionScope(const Device& device, const std::string& precision) {
    if (precision == "bf16") guard_.emplace(device.type(), kBFloat16);
  }

 private:
  std::optional<AutocastGuard> guard_;
};

}  // namespace tessera::tools
