#include "core/ops/unary.h"

#include "core/kernel_table.h"
#include "core/ops/creation.h"
#include "kernels/elementwise/elementwise.h"
namespace tessera {
namespace {
const Kernel<kernels::Unary> unary_kernel{"unary", &kernels::reference::unary, &kernels::cpu::unary, TESSERA_CUDA_KERNEL(unary)};
}
Tensor isfinite(const Tensor& x) {
  Tensor out = empty_like(x, kBool);
  unary_kernel(x.device(), out.as_view(), x.as_view(), kernels::UnaryOp::IsFinite, kernels::UnaryParams{});
  return out;
}
}  // namespace tessera
