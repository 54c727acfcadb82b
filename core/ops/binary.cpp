#include "core/ops/binary.h"

#include "core/autograd.h"
#include "core/kernel_table.h"
#include "core/ops/creation.h"
#include "core/ops/shape.h"
#include "core/type_promotion.h"
#include "kernels/elementwise/elementwise.h"

namespace tessera {
namespace {
const Kernel<kernels::Binary> binary_kernel{"binary", &kernels::reference::binary, &kernels::cpu::binary, TESSERA_CUDA_KERNEL(binary)};
Tensor apply(const char* name, const Tensor& a, const Tensor& b, kernels::BinaryOp op, double alpha) {
  const DimVector sizes = broadcast_shapes(name, a.sizes(), b.sizes());
  Tensor out = a.sizes() == IntArrayRef(sizes) ? empty_like(a, result_type(a, b)) : empty(sizes, result_type(a, b));
  NoGradGuard g;
  binary_kernel(a.device(), out.as_view(), expand(a, sizes).as_view(), expand(b, sizes).as_view(), op, alpha);
  return out;
}
}  // namespace
Tensor add(const Tensor& a, const Tensor& b, const Scalar& alpha) {
  return autograd::record("add", {a, b}, apply("add", a, b, kernels::BinaryOp::Add, alpha.to_double()), {},
                          [](const auto& ctx) -> variable_list { return {ctx.grad(), ctx.grad()}; });
}
Tensor mul(const Tensor& a, const Tensor& b) {
  return autograd::record("mul", {a, b}, apply("mul", a, b, kernels::BinaryOp::Mul, 1), {a, b}, [](const auto& ctx) -> variable_list {
    return {mul(ctx.grad(), ctx.saved(1)), mul(ctx.grad(), ctx.saved(0))};
  });
}
const Tensor& Tensor::add_(const Tensor& other, const Scalar& alpha) const {
  binary_kernel(device(), as_view(), as_view(), make_view(other, expand_layout("add_", other.layout(), sizes())).as_view(),
                kernels::BinaryOp::Add, alpha.to_double());
  storage()->bump_version();
  return *this;
}
}  // namespace tessera
