#include "core/precision.h"

#include <array>
#include <atomic>

#include "core/error.h"

namespace tessera {
namespace {

constexpr std::array<std::string_view, 3> kWords{"highest", "high", "medium"};  // in the order of Float32Precision
std::atomic<Float32Precision> current{Float32Precision::Highest};

}  // namespace

void set_float32_matmul_precision(std::string_view precision) {
  for (size_t i = 0; i < kWords.size(); ++i)
    if (precision == kWords[i]) return set_float32_matmul_precision(static_cast<Float32Precision>(i));
  check<ValueError>(false, "set_float32_matmul_precision: \"{}\" is unknown. Give \"highest\", \"high\" or \"medium\".",
                    precision);
}

void set_float32_matmul_precision(Float32Precision precision) { current.store(precision, std::memory_order_relaxed); }

std::string float32_matmul_precision() { return std::string(kWords[static_cast<size_t>(detail::float32_precision())]); }

Float32Precision detail::float32_precision() { return current.load(std::memory_order_relaxed); }

}  // namespace tessera
