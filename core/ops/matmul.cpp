#include "core/ops/matmul.h"

#include "core/autocast.h"
#include "core/autograd.h"
#include "core/kernel_table.h"
#include "core/ops/binary.h"
#include "core/ops/creation.h"
#include "core/ops/shape.h"
#include "core/precision.h"
#include "kernels/matmul/matmul.h"

namespace tessera {
namespace {

const Kernel<kernels::Matmul> matmul_kernel = TESSERA_KERNEL(matmul);

void check_operands(const char* op, const Tensor& a, const Tensor& b) {
  check<TypeError>(a.is_floating_point() && a.dtype() == b.dtype(),
                   "{}: operands are {} and {}. Both must have the same floating-point type; convert with to(dtype).", op,
                   a.dtype(), b.dtype());
  check<DeviceError>(a.device() == b.device(), "{}: operands are on {} and {}. Move one with to(device).", op, a.device(),
                     b.device());
}

Tensor transposed(const Tensor& x) {
  return transpose(x, -2, -1);
}
bool is_transposed(const Tensor& x) {
  return x.stride(-2) == 1 && x.stride(-1) != 1;
}

// The product of two matrices, or of two batches of as many.
//   grad_a = g x b^T,  grad_b = a^T x g
// each computed in the memory order of its operand, so that the gradient of a weight that was used transposed lies like the
// weight.
Tensor product(const char* name, const Tensor& a, const Tensor& b, const kernels::MatmulParams& params) {
  DimVector sizes = a.layout().sizes;
  sizes.back() = b.size(-1);
  const Tensor out = empty(sizes, a.options());
  const auto as_batch = [](const Tensor& x) {
    View v = x.as_view();
    if (v.ndim == 3) return v;
    return View{v.data, v.dtype, 3, {1, v.sizes[0], v.sizes[1]}, {0, v.strides[0], v.strides[1]}};
  };
  matmul_kernel(a.device(), as_batch(out), as_batch(a), as_batch(b), params);
  const Tensor kept_a = b.requires_grad() ? a : Tensor(), kept_b = a.requires_grad() ? b : Tensor();
  return autograd::record(
      name, {a, b}, out, {kept_a, kept_b},
      [name, params, a_transposed = is_transposed(a), b_transposed = is_transposed(b)](const autograd::BackwardContext& ctx) {
        const Tensor& g = ctx.grad();
        variable_list grads(2);
        if (ctx.needs_grad(0)) {
          const Tensor right = ctx.saved(1);
          grads[0] = a_transposed ? transposed(product(name, right, transposed(g), params))
                                  : product(name, g, transposed(right), params);
        }
        if (ctx.needs_grad(1)) {
          const Tensor left = ctx.saved(0);
          grads[1] = b_transposed ? transposed(product(name, transposed(g), left, params))
                                  : product(name, transposed(left), g, params);
        }
        return grads;
      });
}

Tensor checked_product(const char* op, const Tensor& a, const Tensor& b) {
  check<ShapeError>(
      a.size(-1) == b.size(-2),
      "{}: shapes {} and {} do not fit: the last size of the first, {}, and the last but one of the second, {}, differ. "
      "Is one to be transposed?",
      op, a.sizes(), b.sizes(), a.size(-1), b.size(-2));
  return product(op, a, b, {detail::float32_precision()});
}

}  // namespace

Tensor mm(const Tensor& first, const Tensor& second) {
  const Tensor a = autocast::lower(first), b = autocast::lower(second);
  check_operands("mm", a, b);
  check<ShapeError>(a.dim() == 2 && b.dim() == 2, "mm: shapes {} and {}; two matrices are expected. Use matmul.", a.sizes(),
                    b.sizes());
  return checked_product("mm", a, b);
}

Tensor bmm(const Tensor& first, const Tensor& second) {
  const Tensor a = autocast::lower(first), b = autocast::lower(second);
  check_operands("bmm", a, b);
  check<ShapeError>(a.dim() == 3 && b.dim() == 3 && a.size(0) == b.size(0),
                    "bmm: shapes {} and {}; two batches of as many matrices are expected. Use matmul.", a.sizes(), b.sizes());
  return checked_product("bmm", a, b);
}

Tensor dot(const Tensor& a, const Tensor& b) {
  check_operands("dot", a, b);
  check<ShapeError>(a.dim() == 1 && b.dim() == 1 && a.size(0) == b.size(0),
                    "dot: shapes {} and {}; two vectors of one length are expected. Use matmul.", a.sizes(), b.sizes());
  return view(product("dot", unsqueeze(a, 0), unsqueeze(b, 1), {detail::float32_precision()}), {});
}

Tensor matmul(const Tensor& first, const Tensor& second) {
  const Tensor a = autocast::lower(first), b = autocast::lower(second);
  check_operands("matmul", a, b);
  check<ShapeError>(a.dim() >= 1 && b.dim() >= 1, "matmul: shapes {} and {}; use mul for a 0-dimensional operand.", a.sizes(),
                    b.sizes());
  if (a.dim() == 1 && b.dim() == 1) return dot(a, b);
  if (a.dim() == 1) return squeeze(matmul(unsqueeze(a, 0), b), -2);
  if (b.dim() == 1) return squeeze(matmul(a, unsqueeze(b, 1)), -1);
  if (b.dim() == 2) {  // one tall matrix on the left: the batches of a are rows
    if (a.dim() == 2) return checked_product("matmul", a, b);
    DimVector sizes = a.layout().sizes;
    sizes.back() = b.size(1);
    int64_t rows = 1;
    for (int64_t d = 0; d < a.dim() - 1; ++d) rows *= a.size(d);
    return view(checked_product("matmul", reshape(a, {rows, a.size(-1)}), b), sizes);
  }
  const auto batch_of = [](const Tensor& x) { return IntArrayRef(x.sizes().data(), x.sizes().size() - 2); };
  const DimVector batch = broadcast_shapes("matmul", batch_of(a), batch_of(b));
  int64_t count = 1;
  for (int64_t size : batch) count *= size;
  const auto as_batch = [&](const Tensor& x) {
    DimVector sizes = batch;
    sizes.push_back(x.size(-2));
    sizes.push_back(x.size(-1));
    return reshape(expand(x, sizes), {count, x.size(-2), x.size(-1)});
  };
  DimVector sizes = batch;
  sizes.push_back(a.size(-2));
  sizes.push_back(b.size(-1));
  return view(checked_product("matmul", as_batch(a), as_batch(b)), sizes);
}

Tensor addmm(const Tensor& given, const Tensor& a, const Tensor& b, const Scalar& beta, const Scalar& alpha) {
  const Tensor input = autocast::lower(given);
  const Tensor scaled = beta.to<double>() == 1 ? input : mul(input, full({}, beta, input.options()));
  return add(scaled, mm(a, b), alpha);
}

Tensor linear(const Tensor& given_input, const Tensor& given_weight, const Tensor& given_bias) {
  const Tensor input = autocast::lower(given_input), weight = autocast::lower(given_weight), bias = autocast::lower(given_bias);
  check_operands("linear", input, weight);
  check<ShapeError>(input.dim() >= 1 && weight.dim() == 2 && input.size(-1) == weight.size(1),
                    "linear: input of shape {} and weight of shape {}. Expected [..., in] and [out, in].", input.sizes(),
                    weight.sizes());
  check<ShapeError>(!bias.defined() || (bias.dim() == 1 && bias.size(0) == weight.size(0)),
                    "linear: bias has shape {}, weight {}. Expected [out] and [out, in].",
                    bias.defined() ? bias.sizes() : IntArrayRef(), weight.sizes());
  const Tensor out = matmul(input, t(weight));
  return bias.defined() ? add(out, bias) : out;
}

}  // namespace tessera
