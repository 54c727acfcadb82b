#include "core/ops/where.h"

#include <cmath>

#include "core/autograd.h"
#include "core/kernel_table.h"
#include "core/ops/broadcast.h"
#include "core/ops/copy.h"
#include "core/type_promotion.h"
#include "kernels/elementwise/elementwise.h"

namespace tessera {
namespace {

const Kernel<kernels::Where> where_kernel{"where", &kernels::reference::where_select, &kernels::cpu::where_select,
                                          TESSERA_CUDA_KERNEL(where_select)};

}  // namespace

Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b) {
  check<TypeError>(!condition.is_floating_point(), "where: the condition is {}. Compare it with something to get bool.",
                   condition.dtype());
  check<DeviceError>(a.device() == b.device() && a.device() == condition.device(),
                     "where: the operands lie on different devices. Move them with to(device).");
  const DimVector sizes = broadcast_shapes("where", broadcast_shapes("where", a.sizes(), b.sizes()), condition.sizes());
  Tensor out = empty_broadcast({&a, &b, &condition}, sizes, result_type(a, b));
  where_kernel(a.device(), out.as_view(), broadcast_view(condition, sizes), broadcast_view(a, sizes), broadcast_view(b, sizes));
  return autograd::record("where", {a, b}, out, {condition}, [](const auto& ctx) -> variable_list {
    return {ctx.needs_grad(0) ? where(ctx.saved(0), ctx.grad(), 0) : Tensor(),
            ctx.needs_grad(1) ? where(ctx.saved(0), 0, ctx.grad()) : Tensor()};
  });
}

Tensor where(const Tensor& condition, const Tensor& a, const Scalar& b) {
  return where(condition, a, scalar_like(a, b, result_type(a, b)));
}
Tensor where(const Tensor& condition, const Scalar& a, const Tensor& b) {
  return where(condition, scalar_like(b, a, result_type(b, a)), b);
}

Tensor masked_fill(const Tensor& x, const Tensor& mask, const Scalar& value) {
  const bool whole =
      !value.is_floating_point() || (std::trunc(value.to_double()) == value.to_double() && std::abs(value.to_double()) < 0x1p63);
  check<TypeError>(x.is_floating_point() || whole, "masked_fill: value {} cannot be converted to {} without overflow or loss",
                   value.to_double(), x.dtype());
  expand_layout("masked_fill", mask.layout(), x.sizes());  // throws unless the mask broadcasts to x
  return where(mask, scalar_like(x, value, x.dtype()), x);
}

const Tensor& masked_fill_(const Tensor& x, const Tensor& mask, const Scalar& value) {
  return copy_(x, masked_fill(x, mask, value));
}

}  // namespace tessera
