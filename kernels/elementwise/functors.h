// The elementwise functions, one line an op, for T = float, double or int64_t. Reference and fast kernels, on the CPU and on CUDA,
// use these same lines: being constexpr, they may be called in device code.
//
// A new op is its name in the enum (elementwise.h) and its line here; cpu_math-inl.h may add a vector form.
// NaN propagates through Relu, Clamp, Maximum and Minimum: a comparison with NaN is false, and then the value itself is taken.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>

#include "kernels/elementwise/elementwise.h"

namespace tessera::kernels {

template <class To, class From> constexpr To convert(From value) {
  if constexpr (std::is_same_v<To, From>) return value;
  else if constexpr (is_half_v<From>) return convert<To>(static_cast<float>(value));
  else if constexpr (is_half_v<To>) return To(static_cast<float>(value));
  else if constexpr (std::is_same_v<To, bool>) return value != From(0);
  else if constexpr (std::is_integral_v<To> && std::is_floating_point_v<From>) return To(static_cast<int64_t>(value));
  else return static_cast<To>(value);
}

// Parameters in the compute type. Infinite bounds (Clamp without min or max) become the ends of int64.
template <class T> struct Params {
  T a, b;
  explicit Params(const UnaryParams& p) : a(saturate(p.a)), b(saturate(p.b)) {}

 private:
  static T saturate(double value) {
    if constexpr (std::is_integral_v<T>) {
      if (value >= 0x1p63) return std::numeric_limits<T>::max();
      if (value < -0x1p63) return std::numeric_limits<T>::min();
    }
    return static_cast<T>(value);
  }
};

namespace functors {

// Integers wrap around, as in every tensor library; signed overflow would be undefined.
template <class T> constexpr T add(T x, T y) {
  if constexpr (std::is_integral_v<T>) return static_cast<T>(static_cast<uint64_t>(x) + static_cast<uint64_t>(y));
  else return x + y;
}
template <class T> constexpr T mul(T x, T y) {
  if constexpr (std::is_integral_v<T>) return static_cast<T>(static_cast<uint64_t>(x) * static_cast<uint64_t>(y));
  else return x * y;
}
template <class T> constexpr T sub(T x, T y) {
  if constexpr (std::is_integral_v<T>) return static_cast<T>(static_cast<uint64_t>(x) - static_cast<uint64_t>(y));
  else return x - y;
}

template <class T> constexpr T power(T x, T exponent) {
  if constexpr (std::is_integral_v<T>) {
    if (exponent < 0) return x == 1 ? 1 : x == -1 ? (exponent % 2 == 0 ? 1 : -1) : 0;
    T result = 1;
    for (; exponent > 0; exponent >>= 1, x = mul(x, x))
      if (exponent & 1) result = mul(result, x);
    return result;
  } else {
    return std::pow(x, exponent);
  }
}

template <class T> constexpr T divide(T x, T y) {
  if constexpr (std::is_integral_v<T>) return y == 0 ? 0 : y == -1 ? sub(T(0), x) : x / y;
  else return x / y;
}

template <class T> constexpr T normal_cdf(T x) { return T(0.5) * T(std::erfc(-x * T(M_SQRT1_2))); }
template <class T> constexpr T normal_pdf(T x) { return T(std::exp(T(-0.5) * x * x)) * T(0.5 * M_2_SQRTPI * M_SQRT1_2); }

}  // namespace functors

template <UnaryOp op, class T> constexpr T apply(T x, const Params<T>& p) {
  using namespace functors;
  using enum UnaryOp;
  constexpr bool integral = std::is_integral_v<T>;
  // Any type.
  if constexpr (op == Neg) return integral ? sub(T(0), x) : -x;
  else if constexpr (op == Abs) return integral ? (x < 0 ? sub(T(0), x) : x) : T(std::abs(x));
  else if constexpr (op == Sign) return T(x > 0) - T(x < 0);
  else if constexpr (op == Square) return mul(x, x);
  else if constexpr (op == AddScalar) return add(x, p.a);
  else if constexpr (op == MulScalar) return mul(x, p.a);
  else if constexpr (op == DivScalar) return divide(x, p.a);
  else if constexpr (op == Relu) return x < 0 ? T(0) : x;
  else if constexpr (op == LeakyRelu) return x > 0 ? x : mul(x, p.a);  // a: slope
  else if constexpr (op == Clamp) { const T low = x < p.a ? p.a : x; return low > p.b ? p.b : low; }  // a: min, b: max
  else if constexpr (op == PowScalar) return power(x, p.a);  // a: exponent
  else if constexpr (op == Floor) return integral ? x : T(std::floor(x));
  else if constexpr (op == Ceil) return integral ? x : T(std::ceil(x));
  else if constexpr (op == Round) return integral ? x : T(std::nearbyint(x));  // halves to even
  else if constexpr (op == LogicalNot) return T(x == 0);
  else if constexpr (op == IsNan) return T(x != x);
  else if constexpr (op == IsFinite) return integral ? T(1) : T(x - x == 0);
  // Floating-point functions.
  else if constexpr (op == Sqrt) return T(std::sqrt(x));
  else if constexpr (op == Rsqrt) return T(1 / std::sqrt(x));
  else if constexpr (op == Reciprocal) return divide(T(1), x);
  else if constexpr (op == Exp) return T(std::exp(x));
  else if constexpr (op == Expm1) return T(std::expm1(x));
  else if constexpr (op == Log) return T(std::log(x));
  else if constexpr (op == Log1p) return T(std::log1p(x));
  else if constexpr (op == Sin) return T(std::sin(x));
  else if constexpr (op == Cos) return T(std::cos(x));
  else if constexpr (op == Tanh) return T(std::tanh(x));
  else if constexpr (op == Sigmoid) return T(1 / (1 + std::exp(-x)));
  else if constexpr (op == Elu) return x > 0 ? x : T(p.a * std::expm1(x));  // a: alpha
  else if constexpr (op == Gelu) return x * normal_cdf(x);
  else if constexpr (op == Silu) return T(x / (1 + std::exp(-x)));
  else if constexpr (op == Softplus) return x * p.a > p.b ? x : T(std::log1p(std::exp(x * p.a)) / p.a);  // a: beta, b: threshold
  else if constexpr (op == Erf) return T(std::erf(x));
  else static_assert(op != op, "this op has no line here");
}

// The gradients take g, the gradient of the output, and x (the input) or y (the output).
template <BinaryOp op, class T> constexpr T apply(T a, T b, T alpha) {
  using namespace functors;
  using enum BinaryOp;
  if constexpr (op == Add) return add(a, mul(alpha, b));
  else if constexpr (op == Sub) return sub(a, mul(alpha, b));
  else if constexpr (op == Mul) return mul(a, b);
  else if constexpr (op == Div) return divide(a, b);
  else if constexpr (op == Pow) return power(a, b);
  else if constexpr (op == Maximum) return a > b || a != a ? a : b;
  else if constexpr (op == Minimum) return a < b || a != a ? a : b;
  else if constexpr (op == Eq) return T(a == b);
  else if constexpr (op == Ne) return T(a != b);
  else if constexpr (op == Lt) return T(a < b);
  else if constexpr (op == Le) return T(a <= b);
  else if constexpr (op == Gt) return T(a > b);
  else if constexpr (op == Ge) return T(a >= b);
  else if constexpr (op == LogicalAnd) return T((a != 0) & (b != 0));
  else if constexpr (op == LogicalOr) return T((a != 0) | (b != 0));
  else if constexpr (op == LogicalXor) return T((a != 0) != (b != 0));
  else if constexpr (op == ReluGrad) return b > 0 ? a : T(0);                          // (g, y)
  else if constexpr (op == LeakyReluGrad) return b > 0 ? a : mul(a, alpha);            // (g, x), alpha: slope
  else if constexpr (op == EluGrad) return b > 0 ? a : mul(a, add(b, alpha));          // (g, y), y + alpha = alpha exp(x)
  else if constexpr (op == SigmoidGrad) return a * b * (1 - b);                        // (g, y)
  else if constexpr (op == TanhGrad) return a * (1 - b * b);                           // (g, y)
  else if constexpr (op == SiluGrad) { const T s = T(1 / (1 + std::exp(-b))); return a * s * (1 + b * (1 - s)); }  // (g, x)
  else if constexpr (op == GeluGrad) return a * (normal_cdf(b) + b * normal_pdf(b));   // (g, x)
  else static_assert(op != op, "this op has no line here");
}

// dispatch_op(op, [&]<UnaryOp o>() { ... }) runs the body with the op as a compile-time constant. `Op` is UnaryOp or BinaryOp.
template <class Op, class F> constexpr void dispatch_op(Op op, F&& body) {
  [&]<int... i>(std::integer_sequence<int, i...>) {
    (void)((static_cast<int>(op) == i && (body.template operator()<static_cast<Op>(i)>(), true)) || ...);
  }(std::make_integer_sequence<int, static_cast<int>(Op::Count)>{});
}

}  // namespace tessera::kernels
