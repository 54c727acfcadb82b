// Elementwise kernels: out[i] = f(in[i]), out[i] = f(a[i], b[i]), and copy, fill and where.
//
// Inputs arrive broadcast to the sizes of `out` (stride 0 in a broadcast dimension). Every operand may have its own dtype and
// its own strides: values are converted to one compute type (`compute_type`), the function is applied there, and the result is
// converted to the dtype of `out`. So type promotion needs no extra pass. `out` may be the same memory as an input if both
// have the same dtype and strides (in-place ops); other overlap is not allowed.
//
// Conversion is that of C++, with these choices: to bool is `value != 0`; floating to an integer goes through int64 (values
// outside int64 are unspecified), and int64 to a smaller integer keeps the low bits.
#pragma once

#include "kernels/view.h"

namespace tessera::kernels {

// What each op computes, with the meaning of its parameters, stands in functors.h.
enum class UnaryOp {
  Neg, Abs, Sign, Square, AddScalar, MulScalar, DivScalar, Relu, LeakyRelu, Clamp, PowScalar, Floor, Ceil, Round,
  LogicalNot, IsNan, IsFinite,
  Sqrt, Rsqrt, Reciprocal, Exp, Expm1, Log, Log1p, Sin, Cos, Erf, Tanh, Sigmoid, Elu, Gelu, Silu, Softplus,
  Count
};

enum class BinaryOp {
  Add, Sub, Mul, Div, Pow, Maximum, Minimum, Eq, Ne, Lt, Le, Gt, Ge, LogicalAnd, LogicalOr, LogicalXor,
  ReluGrad, LeakyReluGrad, EluGrad, SigmoidGrad, TanhGrad, SiluGrad, GeluGrad,
  Count
};

struct UnaryParams {
  double a = 0, b = 0;
};

// A number that fill writes: an int64 is kept exact.
struct FillValue {
  double real = 0;
  int64_t integer = 0;
  bool is_integral = false;

  static FillValue of(double value) { return {value, 0, false}; }
  static FillValue of(int64_t value) { return {0, value, true}; }
};

// The type that arithmetic happens in: kFloat32, kFloat64 or kInt64.
//   - a floating-point `out` decides alone: double for float64, float otherwise (the inputs are rounded to it first);
//   - else (comparisons, integers, bool) the inputs decide: double if any is float64, float if any is floating, else int64.
// Functions such as Exp, applied in int64, truncate the double result; core gives them a floating-point `out`.
template <class... Views> constexpr ScalarType compute_type(const View& out, const Views&... inputs) {
  const auto kind = [](ScalarType t) { return t == kFloat64 ? kFloat64 : is_floating_point(t) ? kFloat32 : kInt64; };
  if (is_floating_point(out.dtype)) return kind(out.dtype);
  if (((kind(inputs.dtype) == kFloat64) || ...)) return kFloat64;
  return ((kind(inputs.dtype) == kFloat32) || ...) ? kFloat32 : kInt64;
}

using Unary = void(const View& out, const View& in, UnaryOp op, const UnaryParams& params);

// `alpha` belongs to the ops that name it in functors.h (Add, Sub, LeakyReluGrad, EluGrad); the others ignore it.
using Binary = void(const View& out, const View& a, const View& b, BinaryOp op, double alpha);

// out = condition != 0 ? a : b
using Where = void(const View& out, const View& condition, const View& a, const View& b);

// out = in, any dtype to any dtype, any strides to any strides.
using Copy = void(const View& out, const View& in);

using Fill = void(const View& out, FillValue value);

namespace reference {
Unary unary;
Binary binary;
Where where_select;
Copy copy;
Fill fill;
}  // namespace reference

namespace cpu {
Unary unary;
Binary binary;
Where where_select;
Copy copy;
Fill fill;
}  // namespace cpu

namespace cuda {
Unary unary;
Binary binary;
Where where_select;
Copy copy;
Fill fill;
}  // namespace cuda

}  // namespace tessera::kernels
