// Vector forms of the elementwise functions that the compiler does not vectorise from their scalar line (functors.h).
//
// Within 4 units in the last place of the scalar function for float and double (Sigmoid, Silu, Gelu: 4 epsilon relative to the
// larger of |result| and their natural scale); zeros, infinities and NaN as in C. To be included once per Highway target, inside
// no namespace.

#if defined(TESSERA_CPU_MATH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TESSERA_CPU_MATH_INL_H_
#undef TESSERA_CPU_MATH_INL_H_
#else
#define TESSERA_CPU_MATH_INL_H_
#endif

#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include <cmath>
#include <limits>

#include "kernels/elementwise/erf-inl.h"
#include "kernels/elementwise/functors.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class D> using Lane = hn::TFromD<D>;

// Highway's Exp overflows its integer exponent far above the range, and maps NaN to 0.
template <class D, class V> HWY_INLINE V exp_of(D d, V x) {
  const V limit = hn::Set(d, sizeof(Lane<D>) == 4 ? Lane<D>(104) : Lane<D>(710));
  return hn::IfThenElse(hn::IsNaN(x), x, hn::Exp(d, hn::Min(x, limit)));
}

template <class D, class V> HWY_INLINE V expm1_of(D d, V x) {
  const V limit = hn::Set(d, sizeof(Lane<D>) == 4 ? Lane<D>(104) : Lane<D>(710));
  return hn::IfThenElse(hn::IsNaN(x), x, hn::Expm1(d, hn::Min(x, limit)));
}

// `y` = Highway's logarithm of `argument`, whose finite positive values it covers; `x` is what NaN and infinity come from.
template <class D, class V> HWY_INLINE V log_edges(D d, V x, V argument, V y) {
  const V infinity = hn::Inf(d);
  y = hn::IfThenElse(hn::Eq(argument, hn::Zero(d)), hn::Neg(infinity), y);
  y = hn::IfThenElse(hn::Eq(argument, infinity), infinity, y);
  y = hn::IfThenElse(hn::Lt(argument, hn::Zero(d)), hn::NaN(d), y);
  return hn::IfThenElse(hn::IsNaN(x), x, y);
}

template <class D, class V> HWY_INLINE V log_of(D d, V x) { return log_edges(d, x, x, hn::Log(d, x)); }

template <class D, class V> HWY_INLINE V log1p_of(D d, V x) {
  return log_edges(d, x, hn::Add(x, hn::Set(d, Lane<D>(1))), hn::Log1p(d, x));
}

template <class D, class V> HWY_INLINE V sigmoid_of(D d, V x) {
  const V one = hn::Set(d, Lane<D>(1));
  return hn::Div(one, hn::Add(one, exp_of(d, hn::Neg(x))));
}

// Lane by lane, for arguments outside of the range of a vector form.
template <UnaryOp op, class D, class V> HWY_NOINLINE V by_lanes(D d, V x) {
  HWY_ALIGN Lane<D> lanes[HWY_MAX_BYTES / sizeof(Lane<D>)];
  hn::Store(x, d, lanes);
  for (size_t i = 0; i < hn::Lanes(d); ++i) lanes[i] = apply<op>(lanes[i], Params<Lane<D>>(UnaryParams{}));
  return hn::Load(d, lanes);
}

template <UnaryOp op> inline constexpr bool has_vector_form = [] {
  using enum UnaryOp;
  for (UnaryOp o :
       {Floor, Ceil, Round, Sqrt, Rsqrt, Exp, Expm1, Log, Log1p, Sin, Cos, Tanh, Sigmoid, Elu, Gelu, Silu, Softplus, Erf})
    if (o == op) return true;
  return false;
}();

template <UnaryOp op, class D, class V> HWY_INLINE V vector_form(D d, V x, const Params<Lane<D>>& p) {
  using enum UnaryOp;
  using T = Lane<D>;
  if constexpr (op == Floor) return hn::Floor(x);
  else if constexpr (op == Ceil) return hn::Ceil(x);
  else if constexpr (op == Round) return hn::Round(x);
  else if constexpr (op == Sqrt) return hn::Sqrt(x);
  else if constexpr (op == Rsqrt) return hn::Div(hn::Set(d, T(1)), hn::Sqrt(x));
  else if constexpr (op == Exp) return exp_of(d, x);
  else if constexpr (op == Expm1) return expm1_of(d, x);
  else if constexpr (op == Log) return log_of(d, x);
  else if constexpr (op == Log1p) return log1p_of(d, x);
  else if constexpr (op == Sin || op == Cos) {
    if (HWY_UNLIKELY(!hn::AllTrue(d, hn::Le(hn::Abs(x), hn::Set(d, T(39000)))))) return by_lanes<op>(d, x);
    if constexpr (op == Sin) return hn::Sin(d, x);
    else return hn::Cos(d, x);
  }
  else if constexpr (op == Tanh) return hn::IfThenElse(hn::IsNaN(x), x, hn::Tanh(d, x));
  else if constexpr (op == Sigmoid) return sigmoid_of(d, x);
  else if constexpr (op == Elu) return hn::IfThenElse(hn::Gt(x, hn::Zero(d)), x, hn::Mul(hn::Set(d, p.a), expm1_of(d, x)));
  else if constexpr (op == Gelu) {
    V density;
    return hn::Mul(x, normal_cdf_of(d, x, &density));
  }
  else if constexpr (op == Erf) return erf_of(d, x);
  else if constexpr (op == Silu) return hn::Div(x, hn::Add(hn::Set(d, T(1)), exp_of(d, hn::Neg(x))));
  else if constexpr (op == Softplus) {
    const V scaled = hn::Mul(x, hn::Set(d, p.a));
    const V soft = hn::Div(log1p_of(d, exp_of(d, scaled)), hn::Set(d, p.a));
    return hn::IfThenElse(hn::Gt(scaled, hn::Set(d, p.b)), x, soft);
  }
}

template <BinaryOp op> inline constexpr bool has_binary_vector_form = op == BinaryOp::SiluGrad || op == BinaryOp::GeluGrad;

template <BinaryOp op, class D, class V> HWY_INLINE V vector_form(D d, V a, V b) {
  if constexpr (op == BinaryOp::SiluGrad) {
    const V one = hn::Set(d, Lane<D>(1)), s = sigmoid_of(d, b);
    return hn::Mul(hn::Mul(a, s), hn::MulAdd(b, hn::Sub(one, s), one));
  } else {  // GeluGrad
    V density;
    const V cdf = normal_cdf_of(d, b, &density);
    return hn::Mul(a, hn::MulAdd(b, density, cdf));
  }
}

}  // namespace tessera::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
