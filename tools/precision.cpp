#include "tools/precision.h"

#include "core/precision.h"
#include "tools/command.h"

namespace tessera::tools {

void check_precision(const std::string& precision) {
  check<UsageError>(precision == "fp32" || precision == "tf32" || precision == "bf16",
                    "--precision: {} is unknown. There are fp32, tf32 and bf16.", precision);
}

void use_precision(const std::string& precision) {
  set_float32_matmul_precision(precision == "tf32" ? Float32Precision::High : Float32Precision::Highest);
}

}  // namespace tessera::tools
