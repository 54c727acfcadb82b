// The error function and the normal distribution as vector functions. Included by cpu_math-inl.h, once per Highway target.
//
// |x| < 1:  erf(x) = x P(x^2)
// else:     erf(x) = 1 - exp(-x^2) v Q(v), v = 1 / (x + 2): v Q(v) is the scaled complement erfcx(x) = exp(x^2) (1 - erf(x)),
//           smooth up to v = 0, so that the tail keeps its relative accuracy until exp underflows.
// P and Q interpolate erf(x) / x on [0, 1] and erfcx(x) / v on [0, 1/3] at Chebyshev nodes, computed in 113-bit arithmetic.
// Error of P and Q: 1.1 epsilon.

#if defined(TESSERA_ERF_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TESSERA_ERF_INL_H_
#undef TESSERA_ERF_INL_H_
#else
#define TESSERA_ERF_INL_H_
#endif

#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include <numbers>

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Lowest power first.
inline constexpr float kErfCore32[] = {
    1.12837913f, -0.376123438f, 0.112803167f, -0.0267150542f, 0.00492176203f, -0.000564805987f};
inline constexpr double kErfCore64[] = {
    1.1283791670955126, -0.37612638903183543, 0.11283791670945006, -0.02686617064323777, 0.0052239776071164225,
    -0.00085483259753896918, 0.00012055294904839707, -1.4924736907419661e-05, 1.6447424703317362e-06,
    -1.6208483801871705e-07, 1.3720064546777686e-08, -7.7958988270021425e-10};
inline constexpr float kErfTail32[] = {
    0.564189555f, 1.12839282f, 1.97359077f, 2.85280114f, 2.21918743f, 3.27718031f, -21.7439924f, 10.9189598f, 9.40760714f};
inline constexpr double kErfTail64[] = {
    0.56418958354775628, 1.1283791670954582, 1.9746635424405063, 2.820947913828749, 2.679900860189536, -0.28211216350097301,
    -7.2633711733231845, -13.693913232922455, -1.7672159667317093, 49.529173557849418, 108.92473320513169,
    149.39774896810471, -3280.9784179928829, 21105.668189264405, -128702.51243868186, 555574.18492566748,
    -1553751.0716349566, 2820057.164214334, -3254131.0557860285, 2191461.569273029, -660736.98034375068};

template <class D, class V, class T, size_t n> HWY_INLINE V polynomial(D d, V x, const T (&coefficients)[n]) {
  V sum = hn::Set(d, coefficients[n - 1]);
  for (size_t k = n - 1; k-- > 0;) sum = hn::MulAdd(sum, x, hn::Set(d, coefficients[k]));
  return sum;
}

// What erf and the normal distribution have in common, for z >= 0: `core` = erf(z) / z, right below 1, and `tail` = 1 - erf(z),
// right from 1 on; `gaussian` = exp(-z^2).
template <class V> struct ErfParts {
  V core, tail, gaussian;
};

template <class D, class V> HWY_INLINE ErfParts<V> erf_parts(D d, V z) {
  using T = hn::TFromD<D>;
  const V square = hn::Mul(z, z), v = hn::Div(hn::Set(d, T(1)), hn::Add(z, hn::Set(d, T(2))));
  const V gaussian = hn::Exp(d, hn::Neg(square));
  V core, scaled;
  if constexpr (sizeof(T) == 4) {
    core = polynomial(d, square, kErfCore32);
    scaled = polynomial(d, v, kErfTail32);
  } else {
    core = polynomial(d, square, kErfCore64);
    scaled = polynomial(d, v, kErfTail64);
  }
  return {core, hn::Mul(gaussian, hn::Mul(v, scaled)), gaussian};
}

template <class D, class V> HWY_INLINE V erf_of(D d, V x) {
  const V one = hn::Set(d, hn::TFromD<D>(1)), z = hn::Abs(x);
  const ErfParts<V> parts = erf_parts(d, z);
  const V result = hn::IfThenElse(hn::Lt(z, one), hn::Mul(x, parts.core), hn::CopySign(hn::Sub(one, parts.tail), x));
  return hn::IfThenElse(hn::IsNaN(x), x, result);
}

// Phi(x), the standard normal distribution function; `density` receives exp(-x^2 / 2) / sqrt(2 pi). NaN gives any value.
template <class D, class V> HWY_INLINE V normal_cdf_of(D d, V x, V* density) {
  using T = hn::TFromD<D>;
  const V one = hn::Set(d, T(1)), half = hn::Set(d, T(0.5)), root = hn::Set(d, T(std::numbers::sqrt2 / 2));
  const V z = hn::Mul(hn::Abs(x), root);
  const ErfParts<V> parts = erf_parts(d, z);
  const V tail = hn::Mul(half, parts.tail);
  const V far = hn::IfThenElse(hn::Lt(x, hn::Zero(d)), tail, hn::Sub(one, tail));
  *density = hn::Mul(parts.gaussian, hn::Set(d, T(std::numbers::inv_sqrtpi * std::numbers::sqrt2 / 2)));
  return hn::IfThenElse(hn::Lt(z, one), hn::MulAdd(hn::Mul(half, hn::Mul(x, root)), parts.core, half), far);
}

}  // namespace tessera::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
