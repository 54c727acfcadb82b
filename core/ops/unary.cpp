// The table of elementwise functions: one row = name, kernel op, dtype rule, what is saved, gradient.
//
// A new function is a row here, its declaration in unary.h and its line in kernels/elementwise/functors.h.
#include "core/ops/unary.h"

#include <cmath>
#include <limits>
#include <numbers>
#include <string>

#include "core/autocast.h"
#include "core/autograd.h"
#include "core/kernel_table.h"
#include "core/ops/binary.h"
#include "core/ops/creation.h"
#include "core/ops/where.h"
#include "core/type_promotion.h"
#include "kernels/elementwise/elementwise.h"

namespace tessera {
namespace {

using kernels::BinaryOp;
using kernels::UnaryOp;
using kernels::UnaryParams;

const Kernel<kernels::Unary> unary_kernel = TESSERA_KERNEL(unary);
const Kernel<kernels::Binary> binary_kernel = TESSERA_KERNEL(binary);

using In = const Tensor&;
using P = const UnaryParams&;

enum class Dtype { Same, Floating };
enum class Saves { Nothing, Input, Output };

struct Row {
  const char* name;
  UnaryOp op;
  Dtype dtype;
  Saves saves;
  // g f'(x), from the gradient of the output and the saved tensor (s: x or y, undefined if nothing is saved).
  Tensor (*gradient)(In g, In s, P p);
  // The same in one kernel, op(g, s, p.a): runs unless the gradient itself is to be differentiated.
  BinaryOp fused = BinaryOp::Count;
};

Tensor zero(In g, In, P) { return zeros_like(g); }

constexpr double kTwoOverSqrtPi = 2 * std::numbers::inv_sqrtpi;

constexpr Row
    kNeg{"neg", UnaryOp::Neg, Dtype::Same, Saves::Nothing, [](In g, In, P) { return neg(g); }},
    kAbs{"abs", UnaryOp::Abs, Dtype::Same, Saves::Input, [](In g, In x, P) { return g * sign(x); }},
    kSign{"sign", UnaryOp::Sign, Dtype::Same, Saves::Nothing, zero},
    kSquare{"square", UnaryOp::Square, Dtype::Same, Saves::Input, [](In g, In x, P) { return g * (x * 2); }},
    kSqrt{"sqrt", UnaryOp::Sqrt, Dtype::Floating, Saves::Output, [](In g, In y, P) { return g / (y * 2); }},
    kRsqrt{"rsqrt", UnaryOp::Rsqrt, Dtype::Floating, Saves::Output, [](In g, In y, P) { return g * (square(y) * y * -0.5); }},
    kReciprocal{"reciprocal", UnaryOp::Reciprocal, Dtype::Floating, Saves::Output,
                [](In g, In y, P) { return g * neg(square(y)); }},
    kExp{"exp", UnaryOp::Exp, Dtype::Floating, Saves::Output, [](In g, In y, P) { return g * y; }},
    kExpm1{"expm1", UnaryOp::Expm1, Dtype::Floating, Saves::Output, [](In g, In y, P) { return g * (y + 1); }},
    kLog{"log", UnaryOp::Log, Dtype::Floating, Saves::Input, [](In g, In x, P) { return g / x; }},
    kLog1p{"log1p", UnaryOp::Log1p, Dtype::Floating, Saves::Input, [](In g, In x, P) { return g / (x + 1); }},
    kSin{"sin", UnaryOp::Sin, Dtype::Floating, Saves::Input, [](In g, In x, P) { return g * cos(x); }},
    kCos{"cos", UnaryOp::Cos, Dtype::Floating, Saves::Input, [](In g, In x, P) { return g * neg(sin(x)); }},
    kErf{"erf", UnaryOp::Erf, Dtype::Floating, Saves::Input,
         [](In g, In x, P) { return g * (exp(neg(square(x))) * kTwoOverSqrtPi); }},
    kFloor{"floor", UnaryOp::Floor, Dtype::Same, Saves::Nothing, zero},
    kCeil{"ceil", UnaryOp::Ceil, Dtype::Same, Saves::Nothing, zero},
    kRound{"round", UnaryOp::Round, Dtype::Same, Saves::Nothing, zero},
    kTanh{"tanh", UnaryOp::Tanh, Dtype::Floating, Saves::Output, [](In g, In y, P) { return g * (1 - square(y)); },
          BinaryOp::TanhGrad},
    kSigmoid{"sigmoid", UnaryOp::Sigmoid, Dtype::Floating, Saves::Output, [](In g, In y, P) { return g * (y * (1 - y)); },
             BinaryOp::SigmoidGrad},
    kRelu{"relu", UnaryOp::Relu, Dtype::Same, Saves::Output, [](In g, In y, P) { return where(y > 0, g, 0); },
          BinaryOp::ReluGrad},
    kLeakyRelu{"leaky_relu", UnaryOp::LeakyRelu, Dtype::Same, Saves::Input,
               [](In g, In x, P p) { return where(x > 0, g, g * p.a); }, BinaryOp::LeakyReluGrad},
    kElu{"elu", UnaryOp::Elu, Dtype::Floating, Saves::Output,
         [](In g, In y, P p) { return where(y > 0, g, g * (y + p.a)); }, BinaryOp::EluGrad},
    kGelu{"gelu", UnaryOp::Gelu, Dtype::Floating, Saves::Input,
          [](In g, In x, P) {
            const Tensor cdf = (erf(x * std::sqrt(0.5)) + 1) * 0.5;
            const Tensor pdf = exp(square(x) * -0.5) * (kTwoOverSqrtPi * std::sqrt(0.125));
            return g * (cdf + x * pdf);
          },
          BinaryOp::GeluGrad},
    kSilu{"silu", UnaryOp::Silu, Dtype::Floating, Saves::Input,
          [](In g, In x, P) {
            const Tensor s = sigmoid(x);
            return g * (s * (1 + x * (1 - s)));
          },
          BinaryOp::SiluGrad},
    kSoftplus{"softplus", UnaryOp::Softplus, Dtype::Floating, Saves::Input,
              [](In g, In x, P p) { return where(x * p.a > p.b, g, g * sigmoid(x * p.a)); }},
    kClamp{"clamp", UnaryOp::Clamp, Dtype::Same, Saves::Input,
           [](In g, In x, P p) { return where(logical_and(x >= p.a, x <= p.b), g, 0); }},
    kPow{"pow", UnaryOp::PowScalar, Dtype::Same, Saves::Input,
         [](In g, In x, P p) { return p.a == 0 ? zeros_like(g) : g * (pow(x, p.a - 1) * p.a); }},
    kAdd{"add", UnaryOp::AddScalar, Dtype::Same, Saves::Nothing, [](In g, In, P) { return g; }},
    kSub{"sub", UnaryOp::AddScalar, Dtype::Same, Saves::Nothing, [](In g, In, P) { return g; }},
    kMul{"mul", UnaryOp::MulScalar, Dtype::Same, Saves::Nothing, [](In g, In, P p) { return g * p.a; }},
    kDiv{"div", UnaryOp::DivScalar, Dtype::Floating, Saves::Nothing, [](In g, In, P p) { return g / p.a; }};

autograd::BackwardFunction backward_of(const Row& row, P params) {
  return [row = &row, p = params](const autograd::BackwardContext& ctx) -> variable_list {
    const Tensor s = row->saves == Saves::Nothing ? Tensor() : ctx.saved(0);
    if (row->fused == BinaryOp::Count || GradMode::is_enabled()) return {row->gradient(ctx.grad(), s, p)};
    Tensor grad = empty_like(s);
    binary_kernel(s.device(), grad.as_view(), ctx.grad().as_view(), s.as_view(), row->fused, p.a);
    return {grad};
  };
}

Tensor apply(const Row& row, const Tensor& x, P params, ScalarType dtype) {
  if (row.dtype == Dtype::Floating && !is_floating_point(dtype)) dtype = get_default_dtype();
  Tensor out = empty_like(x, dtype);
  unary_kernel(x.device(), out.as_view(), x.as_view(), row.op, params);
  TensorList saved;
  if (row.saves != Saves::Nothing) saved.push_back(row.saves == Saves::Input ? x : out);
  return autograd::record(row.name, {x}, out, saved, backward_of(row, params));
}
Tensor apply(const Row& row, const Tensor& x, P params = {}) { return apply(row, x, params, x.dtype()); }

const Tensor& apply_(const Row& row, const Tensor& x, P params, ScalarType dtype) {
  const std::string name = std::string(row.name) + "_";
  if (row.dtype == Dtype::Floating && !is_floating_point(dtype)) dtype = get_default_dtype();
  check<TypeError>(dtype == x.dtype(), "{}: the result is {} and cannot be stored in a {} tensor. Use {}.", name, dtype,
                   x.dtype(), row.name);
  autograd::check_inplace(name.c_str(), x);
  TensorList saved;
  if (row.saves == Saves::Output) saved = {x};
  // x is about to be overwritten.
  if (row.saves == Saves::Input) saved = {autograd::any_requires_grad({x}) ? x.clone() : Tensor()};
  unary_kernel(x.device(), x.as_view(), x.as_view(), row.op, params);
  return autograd::record_inplace(name.c_str(), x, {x}, saved, backward_of(row, params));
}
const Tensor& apply_(const Row& row, const Tensor& x, P params = {}) { return apply_(row, x, params, x.dtype()); }

Tensor predicate(UnaryOp op, const Tensor& x) {
  Tensor out = empty_like(x, kBool);
  unary_kernel(x.device(), out.as_view(), x.as_view(), op, UnaryParams{});
  return out;
}

UnaryParams bounds(const char* name, const std::optional<Scalar>& min, const std::optional<Scalar>& max) {
  check<ValueError>(min.has_value() || max.has_value(), "{}: neither min nor max is given. Give at least one.", name);
  constexpr double infinity = std::numeric_limits<double>::infinity();
  return {min ? min->to_double() : -infinity, max ? max->to_double() : infinity};
}

ScalarType clamp_type(const Tensor& x, const std::optional<Scalar>& min, const std::optional<Scalar>& max) {
  ScalarType type = x.dtype();
  if (min) type = promote_types(type, result_type(x, *min));
  if (max) type = promote_types(type, result_type(x, *max));
  return type;
}

UnaryParams elu_params(double alpha) {
  check<ValueError>(alpha >= 0, "elu: alpha is {}. It must not be negative: the gradient is computed from the output.", alpha);
  return {alpha, 0};
}

ScalarType power_type(const Tensor& x, const Scalar& exponent) {
  const ScalarType dtype = result_type(x, exponent);
  check<ValueError>(is_floating_point(dtype) || exponent.to_double() >= 0,
                    "pow: {} to the power {} is no integer. Convert with to(kFloat).", x.dtype(), exponent.to_double());
  return dtype;
}

}  // namespace

Tensor neg(const Tensor& x) { return apply(kNeg, x); }
Tensor abs(const Tensor& x) { return apply(kAbs, x); }
Tensor sign(const Tensor& x) { return apply(kSign, x); }
Tensor square(const Tensor& x) { return apply(kSquare, x); }
Tensor sqrt(const Tensor& x) { return apply(kSqrt, x); }
Tensor rsqrt(const Tensor& x) { return apply(kRsqrt, autocast::widen(x)); }
Tensor reciprocal(const Tensor& x) { return apply(kReciprocal, autocast::widen(x)); }
Tensor exp(const Tensor& x) { return apply(kExp, autocast::widen(x)); }
Tensor expm1(const Tensor& x) { return apply(kExpm1, autocast::widen(x)); }
Tensor log(const Tensor& x) { return apply(kLog, autocast::widen(x)); }
Tensor log1p(const Tensor& x) { return apply(kLog1p, autocast::widen(x)); }
Tensor sin(const Tensor& x) { return apply(kSin, x); }
Tensor cos(const Tensor& x) { return apply(kCos, x); }
Tensor erf(const Tensor& x) { return apply(kErf, x); }
Tensor floor(const Tensor& x) { return apply(kFloor, x); }
Tensor ceil(const Tensor& x) { return apply(kCeil, x); }
Tensor round(const Tensor& x) { return apply(kRound, x); }
Tensor tanh(const Tensor& x) { return apply(kTanh, x); }
Tensor sigmoid(const Tensor& x) { return apply(kSigmoid, x); }
Tensor relu(const Tensor& x) { return apply(kRelu, x); }
Tensor leaky_relu(const Tensor& x, double negative_slope) { return apply(kLeakyRelu, x, {negative_slope, 0}); }
Tensor elu(const Tensor& x, double alpha, double scale, double input_scale) {
  check<ValueError>(input_scale > 0, "elu: input_scale is {}. It must be positive.", input_scale);
  if (input_scale == 1) return scale == 1 ? apply(kElu, x, elu_params(alpha)) : mul(apply(kElu, x, elu_params(alpha)), scale);
  // With z = input_scale x the unit is (z > 0 ? z : input_scale alpha (exp(z) - 1)) / input_scale.
  return mul(apply(kElu, mul(x, input_scale), elu_params(alpha * input_scale)), scale / input_scale);
}
Tensor gelu(const Tensor& x) { return apply(kGelu, x); }
Tensor silu(const Tensor& x) { return apply(kSilu, x); }
Tensor softplus(const Tensor& x, double beta, double threshold) {
  return apply(kSoftplus, autocast::widen(x), {beta, threshold});
}
Tensor isnan(const Tensor& x) { return predicate(UnaryOp::IsNan, x); }
Tensor isinf(const Tensor& x) { return logical_not(logical_or(isfinite(x), isnan(x))); }
Tensor isfinite(const Tensor& x) { return predicate(UnaryOp::IsFinite, x); }
Tensor logical_not(const Tensor& x) { return predicate(UnaryOp::LogicalNot, x); }

Tensor clamp(const Tensor& x, std::optional<Scalar> min, std::optional<Scalar> max) {
  return apply(kClamp, x, bounds("clamp", min, max), clamp_type(x, min, max));
}
Tensor clamp_min(const Tensor& x, const Scalar& min) { return clamp(x, min); }
Tensor clamp_max(const Tensor& x, const Scalar& max) { return clamp(x, {}, max); }

Tensor pow(const Tensor& x, const Scalar& exponent) {
  const Tensor base = autocast::widen(x);
  return apply(kPow, base, {exponent.to_double(), 0}, power_type(base, exponent));
}

Tensor add(const Tensor& x, const Scalar& other) { return apply(kAdd, x, {other.to_double(), 0}, result_type(x, other)); }
Tensor sub(const Tensor& x, const Scalar& other) { return apply(kSub, x, {-other.to_double(), 0}, result_type(x, other)); }
Tensor mul(const Tensor& x, const Scalar& other) { return apply(kMul, x, {other.to_double(), 0}, result_type(x, other)); }
Tensor div(const Tensor& x, const Scalar& other) { return apply(kDiv, x, {other.to_double(), 0}, result_type(x, other)); }

const Tensor& neg_(const Tensor& x) { return apply_(kNeg, x); }
const Tensor& abs_(const Tensor& x) { return apply_(kAbs, x); }
const Tensor& square_(const Tensor& x) { return apply_(kSquare, x); }
const Tensor& log_(const Tensor& x) { return apply_(kLog, x); }
const Tensor& pow_(const Tensor& x, const Scalar& exponent) {
  return apply_(kPow, x, {exponent.to_double(), 0}, power_type(x, exponent));
}
const Tensor& sqrt_(const Tensor& x) { return apply_(kSqrt, x); }
const Tensor& exp_(const Tensor& x) { return apply_(kExp, x); }
const Tensor& tanh_(const Tensor& x) { return apply_(kTanh, x); }
const Tensor& sigmoid_(const Tensor& x) { return apply_(kSigmoid, x); }
const Tensor& relu_(const Tensor& x) { return apply_(kRelu, x); }
const Tensor& leaky_relu_(const Tensor& x, double negative_slope) { return apply_(kLeakyRelu, x, {negative_slope, 0}); }
const Tensor& elu_(const Tensor& x, double alpha) { return apply_(kElu, x, elu_params(alpha)); }
const Tensor& silu_(const Tensor& x) { return apply_(kSilu, x); }
const Tensor& clamp_(const Tensor& x, std::optional<Scalar> min, std::optional<Scalar> max) {
  return apply_(kClamp, x, bounds("clamp_", min, max), clamp_type(x, min, max));
}
const Tensor& clamp_min_(const Tensor& x, const Scalar& min) { return clamp_(x, min); }
const Tensor& clamp_max_(const Tensor& x, const Scalar& max) { return clamp_(x, {}, max); }

const Tensor& add_(const Tensor& x, const Scalar& other) {
  return apply_(kAdd, x, {other.to_double(), 0}, result_type(x, other));
}
const Tensor& sub_(const Tensor& x, const Scalar& other) {
  return apply_(kSub, x, {-other.to_double(), 0}, result_type(x, other));
}
const Tensor& mul_(const Tensor& x, const Scalar& other) {
  return apply_(kMul, x, {other.to_double(), 0}, result_type(x, other));
}
const Tensor& div_(const Tensor& x, const Scalar& other) {
  return apply_(kDiv, x, {other.to_double(), 0}, result_type(x, other));
}

}  // namespace tessera
