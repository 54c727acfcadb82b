#include "core/ops/softmax.h"

#include "core/autocast.h"
#include "core/autograd.h"
#include "core/kernel_table.h"
#include "core/ops/binary.h"
#include "core/ops/creation.h"
#include "core/ops/reduce.h"
#include "core/ops/shape.h"
#include "core/ops/unary.h"
#include "kernels/softmax/cudnn.h"
#include "kernels/softmax/softmax.h"

namespace tessera {
namespace {

using autograd::BackwardContext;
using autograd::record;

const Kernel<kernels::SoftmaxForward> softmax_forward = TESSERA_KERNEL_AND_CUDNN(softmax_forward);
const Kernel<kernels::SoftmaxForward> log_softmax_forward = TESSERA_KERNEL_AND_CUDNN(log_softmax_forward);
const Kernel<kernels::SoftmaxBackward> softmax_backward = TESSERA_KERNEL_AND_CUDNN(softmax_backward);
const Kernel<kernels::SoftmaxBackward> log_softmax_backward = TESSERA_KERNEL_AND_CUDNN(log_softmax_backward);

int checked_dim(const char* op, const Tensor& x, int64_t dim) {
  check<TypeError>(x.is_floating_point(), "{}: {} is no floating-point type. Convert with to(kFloat).", op, x.dtype());
  return static_cast<int>(normalize_dim(op, dim, x.dim()));
}

Tensor run(const Kernel<kernels::SoftmaxForward>& kernel, const Tensor& x, int dim) {
  Tensor out = empty_like(x);
  kernel(x.device(), out.as_view(), x.as_view(), dim);
  return out;
}

Tensor run(const Kernel<kernels::SoftmaxBackward>& kernel, const Tensor& g, const Tensor& out, int dim) {
  Tensor grad = empty_like(out);
  kernel(out.device(), grad.as_view(), g.as_view(), out.as_view(), dim);
  return grad;
}

}  // namespace

// The backward passes run the kernel, or ops where the gradient itself is to be differentiated.
Tensor softmax(const Tensor& input, int64_t dim) {
  const Tensor x = autocast::widen(input);
  const int d = checked_dim("softmax", x, dim);
  if (x.dim() == 0) return softmax(reshape(x, {1}), 0).reshape({});
  const Tensor out = run(softmax_forward, x, d);
  return record("softmax", {x}, out, {out}, [d](const BackwardContext& ctx) -> variable_list {
    const Tensor y = ctx.saved(0), g = ctx.grad();
    if (!GradMode::is_enabled()) return {run(softmax_backward, g, y, d)};
    return {mul(y, sub(g, sum(mul(g, y), {d}, /*keepdim=*/true)))};
  });
}

Tensor log_softmax(const Tensor& input, int64_t dim) {
  const Tensor x = autocast::widen(input);
  const int d = checked_dim("log_softmax", x, dim);
  if (x.dim() == 0) return log_softmax(reshape(x, {1}), 0).reshape({});
  const Tensor out = run(log_softmax_forward, x, d);
  return record("log_softmax", {x}, out, {out}, [d](const BackwardContext& ctx) -> variable_list {
    const Tensor y = ctx.saved(0), g = ctx.grad();
    if (!GradMode::is_enabled()) return {run(log_softmax_backward, g, y, d)};
    return {sub(g, mul(exp(y), sum(g, {d}, /*keepdim=*/true)))};
  });
}

Tensor softmin(const Tensor& x, int64_t dim) {
  return softmax(neg(x), dim);
}

}  // namespace tessera
