// What the machine can do: reading and writing 4 GiB, and the product of two 8192 x 8192 matrices at each precision.
#include "bench/cuda/row.h"
#include "core/ops.h"
#include "core/precision.h"
#include "kernels/elementwise/elementwise.h"

namespace tessera::bench {
namespace {

Row matrix_product(const std::string& key, ScalarType dtype, Float32Precision precision) {
  constexpr int64_t n = 8192;
  return {key, 2.0 * n * n * n, 0, key, "", 0, [=] {
            const Tensor a = randn({n, n}, TensorOptions(kCUDA).dtype(dtype)), b = randn_like(a);
            return std::vector<Call>{[=] {
              set_float32_matmul_precision(precision);
              return TensorList{mm(a, b)};
            }};
          }};
}

}  // namespace

std::vector<Row> ceiling_rows() {
  constexpr int64_t bytes = int64_t{4} << 30;
  const Row copy{kCopyCeiling, 0, 2.0 * bytes, kCopyCeiling, "", 0, [] {
                   const Tensor from = randn({bytes / 4}, kCUDA), to = empty_like(from);
                   return std::vector<Call>{[=] {
                     // No memcpy: a graph leaves that to the copy engines, which are slower (2440 of 3030 GB/s on an H100).
                     kernels::cuda::unary(to.as_view(), from.as_view(), kernels::UnaryOp::Neg, {});
                     return TensorList{};
                   }};
                 }};
  return {copy, matrix_product(kBFloat16Ceiling, kBFloat16, Float32Precision::Highest),
          matrix_product(kTF32Ceiling, kFloat32, Float32Precision::High),
          matrix_product(kFloat32Ceiling, kFloat32, Float32Precision::Highest)};
}

}  // namespace tessera::bench
