#include "core/ops/reduce.h"

#include "core/autograd.h"
#include "core/kernel_table.h"
#include "core/ops/creation.h"
#include "core/ops/shape.h"
#include "core/type_promotion.h"
#include "kernels/reduce/reduce.h"
namespace tessera {
namespace {
const Kernel<kernels::Reduce> reduce_kernel{"reduce", &kernels::reference::reduce, &kernels::cpu::reduce, TESSERA_CUDA_KERNEL(reduce)};
}
Tensor sum(const Tensor& x, IntArrayRef dims, bool keepdim) {
  DimVector kept = x.layout().sizes, squeezed;
  for (int64_t d = 0; d < x.dim(); ++d) {
    bool reduced = dims.empty();
    for (int64_t r : dims) reduced |= normalize_dim("sum", r, x.dim()) == d;
    if (reduced) kept[d] = 1;
    else squeezed.push_back(x.size(d));
  }
  Tensor out = empty(kept, x.is_floating_point() ? x.dtype() : kInt64);
  reduce_kernel(x.device(), out.as_view(), x.as_view(), kernels::ReduceOp::Sum);
  autograd::record("sum", {x}, out, {}, [from = x.layout().sizes](const auto& ctx) -> variable_list { return {expand(ctx.grad(), from)}; });
  return keepdim ? out : view(out, squeezed);
}
Tensor all(const Tensor& x) {
  DimVector kept(static_cast<size_t>(x.dim()), 1);
  Tensor out = empty(kept, kBool);
  reduce_kernel(x.device(), out.as_view(), x.as_view(), kernels::ReduceOp::All);
  return view(out, {});
}
}  // namespace tessera
