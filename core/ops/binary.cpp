// The table of elementwise functions of two tensors: one row = name, kernel op, dtype rule, gradient for each operand.
#include "core/ops/binary.h"

#include <string>

#include "core/autocast.h"
#include "core/autograd.h"
#include "core/kernel_table.h"
#include "core/ops/broadcast.h"
#include "core/ops/copy.h"
#include "core/ops/where.h"
#include "core/type_promotion.h"
#include "kernels/elementwise/elementwise.h"

namespace tessera {
namespace {

using kernels::BinaryOp;

const Kernel<kernels::Binary> binary_kernel = TESSERA_KERNEL(binary);

using In = const Tensor&;

enum class Dtype { Promoted, Floating };
enum Needs { kNothing = 0, kA = 1, kB = 2, kBoth = 3 };

// The gradient of one operand, from that of the output, and which of the operands it reads.
struct Gradient {
  Needs needs;
  Tensor (*expression)(In g, In a, In b, const Scalar& alpha);
};

struct Row {
  const char* name;
  BinaryOp op;
  Dtype dtype;
  Gradient of_a, of_b;
};

Tensor identity(In g, In, In, const Scalar&) { return g; }
// 0 where the operand lost, half of g at a tie, else g.
Tensor share(In g, In lost, In tied) { return where(lost, 0, where(tied, g * 0.5, g)); }

constexpr Row
    kAdd{"add", BinaryOp::Add, Dtype::Promoted,
         {kNothing, identity},
         {kNothing, [](In g, In, In, const Scalar& alpha) { return g * alpha; }}},
    kSub{"sub", BinaryOp::Sub, Dtype::Promoted,
         {kNothing, identity},
         {kNothing, [](In g, In, In, const Scalar& alpha) { return g * -alpha.to_double(); }}},
    kMul{"mul", BinaryOp::Mul, Dtype::Promoted,
         {kB, [](In g, In, In b, const Scalar&) { return g * b; }},
         {kA, [](In g, In a, In, const Scalar&) { return g * a; }}},
    kDiv{"div", BinaryOp::Div, Dtype::Floating,
         {kB, [](In g, In, In b, const Scalar&) { return g / b; }},
         {kBoth, [](In g, In a, In b, const Scalar&) { return neg(g) * (a / b / b); }}},
    kPow{"pow", BinaryOp::Pow, Dtype::Promoted,
         {kBoth, [](In g, In a, In b, const Scalar&) { return where(b == 0, zeros_like(g), g * (b * pow(a, b - 1))); }},
         {kBoth, [](In g, In a, In b, const Scalar&) {
            return where(logical_and(a == 0, b >= 0), zeros_like(g), g * (pow(a, b) * log(a)));
          }}},
    kMaximum{"maximum", BinaryOp::Maximum, Dtype::Promoted,
             {kBoth, [](In g, In a, In b, const Scalar&) { return share(g, a < b, a == b); }},
             {kBoth, [](In g, In a, In b, const Scalar&) { return share(g, b < a, a == b); }}},
    kMinimum{"minimum", BinaryOp::Minimum, Dtype::Promoted,
             {kBoth, [](In g, In a, In b, const Scalar&) { return share(g, a > b, a == b); }},
             {kBoth, [](In g, In a, In b, const Scalar&) { return share(g, b > a, a == b); }}};

ScalarType dtype_of(const Row& row, const Tensor& a, const Tensor& b) {
  const ScalarType type = result_type(a, b);
  return row.dtype == Dtype::Floating && !is_floating_point(type) ? get_default_dtype() : type;
}

void check_device(const char* name, const Tensor& a, const Tensor& b) {
  check<DeviceError>(a.device() == b.device(), "{}: the operands lie on different devices. Move one with to(device).", name);
}

// What the gradients will read. In place, a is about to be overwritten: a copy is kept.
TensorList saved_for(const Row& row, const Tensor& a, const Tensor& b, bool in_place) {
  const bool of_a = autograd::any_requires_grad({a}), of_b = autograd::any_requires_grad({b});
  const int needs = (of_a ? row.of_a.needs : kNothing) | (of_b ? row.of_b.needs : kNothing);
  TensorList saved(2);
  if ((needs & kA) != 0) saved[0] = in_place ? a.clone() : a;
  if ((needs & kB) != 0) saved[1] = in_place && b.is_same(a) ? a.clone() : b;
  return saved;
}

autograd::BackwardFunction backward_of(const Row& row, const Scalar& alpha) {
  return [row = &row, alpha](const autograd::BackwardContext& ctx) -> variable_list {
    const Tensor a = ctx.saved(0), b = ctx.saved(1);
    return {ctx.needs_grad(0) ? row->of_a.expression(ctx.grad(), a, b, alpha) : Tensor(),
            ctx.needs_grad(1) ? row->of_b.expression(ctx.grad(), a, b, alpha) : Tensor()};
  };
}

Tensor apply(const Row& row, const Tensor& a, const Tensor& b, const Scalar& alpha = 1) {
  check_device(row.name, a, b);
  const DimVector sizes = broadcast_shapes(row.name, a.sizes(), b.sizes());
  Tensor out = empty_broadcast({&a, &b}, sizes, dtype_of(row, a, b));
  binary_kernel(a.device(), out.as_view(), broadcast_view(a, sizes), broadcast_view(b, sizes), row.op, alpha.to_double());
  return autograd::record(row.name, {a, b}, out, saved_for(row, a, b, false), backward_of(row, alpha));
}

const Tensor& apply_(const Row& row, const Tensor& a, const Tensor& other, const Scalar& alpha = 1) {
  // Another view of the memory that is written must not change while it is read.
  const Tensor b = other.storage() == a.storage() && !other.is_same(a) ? other.clone() : other;
  const std::string name = std::string(row.name) + "_";
  check_device(name.c_str(), a, b);
  check<ShapeError>(IntArrayRef(broadcast_shapes(name.c_str(), a.sizes(), b.sizes())) == a.sizes(),
                    "{}: shape {} does not broadcast to {}, the shape that is written. Use {}.", name, b.sizes(), a.sizes(),
                    row.name);
  const ScalarType dtype = dtype_of(row, a, b);
  const auto category = [](ScalarType t) { return t == kBool ? 0 : is_integral(t) ? 1 : 2; };
  check<TypeError>(category(dtype) <= category(a.dtype()), "{}: the result is {} and cannot be stored in a {} tensor. Use {}.",
                   name, dtype, a.dtype(), row.name);
  autograd::check_inplace(name.c_str(), a, {b});
  const TensorList saved = saved_for(row, a, b, true);
  binary_kernel(a.device(), a.as_view(), a.as_view(), broadcast_view(b, a.sizes()), row.op, alpha.to_double());
  return autograd::record_inplace(name.c_str(), a, {a, b}, saved, backward_of(row, alpha));
}

// Comparisons happen in the promoted type; a 0-dimensional operand that does not raise it is rounded to it first.
Tensor compare(const char* name, BinaryOp op, const Tensor& a, const Tensor& b) {
  check_device(name, a, b);
  const ScalarType type = result_type(a, b);
  const auto adapted = [&](const Tensor& x) { return x.dim() == 0 ? to(x.detach(), type) : x; };
  const DimVector sizes = broadcast_shapes(name, a.sizes(), b.sizes());
  Tensor out = empty_broadcast({&a, &b}, sizes, kBool);
  binary_kernel(a.device(), out.as_view(), broadcast_view(adapted(a), sizes), broadcast_view(adapted(b), sizes), op, 1);
  return out;
}

Tensor compare(const char* name, BinaryOp op, const Tensor& a, const Scalar& b) {
  return compare(name, op, a, scalar_like(a, b, result_type(a, b)));
}

}  // namespace

Tensor add(const Tensor& a, const Tensor& b, const Scalar& alpha) { return apply(kAdd, a, b, alpha); }
Tensor sub(const Tensor& a, const Tensor& b, const Scalar& alpha) { return apply(kSub, a, b, alpha); }
Tensor mul(const Tensor& a, const Tensor& b) { return apply(kMul, a, b); }
Tensor div(const Tensor& a, const Tensor& b) { return apply(kDiv, a, b); }
Tensor pow(const Tensor& a, const Tensor& b) { return apply(kPow, autocast::widen(a), autocast::widen(b)); }
Tensor pow(const Scalar& a, const Tensor& b) { return pow(scalar_like(b, a, result_type(b, a)), b); }
Tensor maximum(const Tensor& a, const Tensor& b) { return apply(kMaximum, a, b); }
Tensor minimum(const Tensor& a, const Tensor& b) { return apply(kMinimum, a, b); }

const Tensor& add_(const Tensor& a, const Tensor& b, const Scalar& alpha) { return apply_(kAdd, a, b, alpha); }
const Tensor& sub_(const Tensor& a, const Tensor& b, const Scalar& alpha) { return apply_(kSub, a, b, alpha); }
const Tensor& mul_(const Tensor& a, const Tensor& b) { return apply_(kMul, a, b); }
const Tensor& div_(const Tensor& a, const Tensor& b) { return apply_(kDiv, a, b); }

Tensor operator-(const Scalar& a, const Tensor& b) { return sub(scalar_like(b, a, result_type(b, a)), b); }
Tensor operator/(const Scalar& a, const Tensor& b) { return div(scalar_like(b, a, result_type(b, a)), b); }

Tensor eq(const Tensor& a, const Tensor& b) { return compare("eq", BinaryOp::Eq, a, b); }
Tensor ne(const Tensor& a, const Tensor& b) { return compare("ne", BinaryOp::Ne, a, b); }
Tensor lt(const Tensor& a, const Tensor& b) { return compare("lt", BinaryOp::Lt, a, b); }
Tensor le(const Tensor& a, const Tensor& b) { return compare("le", BinaryOp::Le, a, b); }
Tensor gt(const Tensor& a, const Tensor& b) { return compare("gt", BinaryOp::Gt, a, b); }
Tensor ge(const Tensor& a, const Tensor& b) { return compare("ge", BinaryOp::Ge, a, b); }
Tensor logical_and(const Tensor& a, const Tensor& b) { return compare("logical_and", BinaryOp::LogicalAnd, a, b); }
Tensor logical_or(const Tensor& a, const Tensor& b) { return compare("logical_or", BinaryOp::LogicalOr, a, b); }
Tensor logical_xor(const Tensor& a, const Tensor& b) { return compare("logical_xor", BinaryOp::LogicalXor, a, b); }
Tensor eq(const Tensor& a, const Scalar& b) { return compare("eq", BinaryOp::Eq, a, b); }
Tensor ne(const Tensor& a, const Scalar& b) { return compare("ne", BinaryOp::Ne, a, b); }
Tensor lt(const Tensor& a, const Scalar& b) { return compare("lt", BinaryOp::Lt, a, b); }
Tensor le(const Tensor& a, const Scalar& b) { return compare("le", BinaryOp::Le, a, b); }
Tensor gt(const Tensor& a, const Scalar& b) { return compare("gt", BinaryOp::Gt, a, b); }
Tensor ge(const Tensor& a, const Scalar& b) { return compare("ge", BinaryOp::Ge, a, b); }

}  // namespace tessera
