// SIMD pieces of softmax, log-softmax and cross-entropy. Compiled once for each target (no include guard but Highway's).
//
// A tile is a block of pixels with all their classes. Two orders are worked on in place:
//   planes  the pixels of a class are contiguous (NCHW): a lane is a pixel, so no sum crosses lanes;
//   rows    the classes of a pixel are contiguous (channels-last, or softmax over the last dimension): a lane is a class.
// Everything else, the half types included, is copied into a plane-ordered buffer in the level-1 cache, and back.
#if defined(TESSERA_KERNELS_SOFTMAX_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TESSERA_KERNELS_SOFTMAX_INL_H_
#undef TESSERA_KERNELS_SOFTMAX_INL_H_
#else
#define TESSERA_KERNELS_SOFTMAX_INL_H_
#endif

#include <limits>
#include <type_traits>

#include "hwy/contrib/math/math-inl.h"
#include "hwy/highway.h"
#include "kernels/softmax/pixel_blocks.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// exp(x) for x <= 88 (float) or 708 (double), to about 1 unit in the last place: exp(x) = 2^n * exp(r) with n = round(x / ln 2)
// and |r| <= ln(2) / 2, where the Taylor series to r^7 (r^13) is exact to rounding. Results below the smallest normal number
// become 0. NaN gives NaN.
template <class D, class V = hn::Vec<D>> HWY_INLINE V fast_exp(D d, V x) {
  using T = hn::TFromD<D>;
  constexpr bool kFloat = sizeof(T) == 4;
  constexpr int kMantissa = kFloat ? 23 : 52, kBias = kFloat ? 127 : 1023;
  const hn::RebindToUnsigned<D> du;
  // Adding 1.5 * 2^mantissa rounds to an integer and leaves that integer in the low bits.
  const V magic = hn::Set(d, static_cast<T>(kFloat ? 12582912.0 : 6755399441055744.0));
  const V shifted = hn::MulAdd(x, hn::Set(d, static_cast<T>(1.4426950408889634)), magic);
  const V n = hn::Sub(shifted, magic);
  // ln 2 in two parts, the first short enough that n times it is exact.
  V r = hn::NegMulAdd(n, hn::Set(d, static_cast<T>(kFloat ? 0.693359375 : 6.93145751953125e-1)), x);
  r = hn::NegMulAdd(n, hn::Set(d, static_cast<T>(kFloat ? -2.12194440e-4 : 1.42860682030941723212e-6)), r);
  V series;
  if constexpr (kFloat) {
    series = hn::Set(d, T(1.0 / 5040));
  } else {
    series = hn::Set(d, T(1.0 / 6227020800.0));
    for (const double factorial : {479001600.0, 39916800.0, 3628800.0, 362880.0, 40320.0, 5040.0})
      series = hn::MulAdd(series, r, hn::Set(d, T(1.0 / factorial)));
  }
  for (const double factorial : {720.0, 120.0, 24.0, 6.0, 2.0, 1.0, 1.0})
    series = hn::MulAdd(series, r, hn::Set(d, T(1.0 / factorial)));
  const auto exponent = hn::Add(hn::ShiftLeft<kMantissa>(hn::BitCast(du, shifted)),
                                hn::Set(du, static_cast<hn::TFromD<decltype(du)>>(kBias) << kMantissa));
  const V result = hn::Mul(series, hn::BitCast(d, exponent));
  return hn::IfThenElse(hn::Lt(x, hn::Set(d, static_cast<T>(kFloat ? -87.33654 : -708.39641))), hn::Zero(d), result);
}

// log(x) for normal x > 0; NaN gives NaN.
template <class D, class V = hn::Vec<D>> HWY_INLINE V log_or_nan(D d, V x) {
  return hn::IfThenElse(hn::IsNaN(x), x, hn::Log(d, x));
}

// Loads and stores of a whole vector, and of its first `count` lanes.
template <class D> struct WholeVector {
  using T = hn::TFromD<D>;
  using V = hn::Vec<D>;
  D d;
  HWY_INLINE V load(const T* p, T = T{}) const { return hn::LoadU(d, p); }
  HWY_INLINE void store(V v, T* p) const { hn::StoreU(v, d, p); }
};
template <class D> struct PartVector {
  using T = hn::TFromD<D>;
  using V = hn::Vec<D>;
  D d;
  hn::Mask<D> mask;
  HWY_INLINE V load(const T* p, T other = T{}) const {
    return hn::IfThenElse(mask, hn::MaskedLoad(mask, d, p), hn::Set(d, other));
  }
  HWY_INLINE void store(V v, T* p) const { hn::BlendedStore(v, mask, d, p); }
};

// Calls f(first element, vector access) for the vectors that cover [0, count).
template <class D, class F> HWY_INLINE void over_vectors(D d, int64_t count, F&& f) {
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) f(i, WholeVector<D>{d});
  if (i < count) f(i, PartVector<D>{d, hn::FirstN(d, static_cast<size_t>(count - i))});
}

// The values of one operand in a tile: element (class c, pixel p) at data[c * class_stride + p * pixel_stride].
template <class T> struct Tile {
  T* data;
  int64_t class_stride, pixel_stride;
};

// One number a pixel, kept beside a tile; padded, so that whole vectors may be read and written.
template <class T> struct PerPixel {
  alignas(64) T values[kMaxBlockPixels];
  T& operator[](int64_t p) { return values[p]; }
};

enum class Order { kPlanes, kRows, kStaged };

// Rows shorter than half a vector leave too many lanes idle: those are staged as planes.
template <class T> Order tile_order(bool is_compute_type, bool unit_pixel_steps, bool unit_class_strides, int64_t classes) {
  if (!is_compute_type) return Order::kStaged;
  if (unit_pixel_steps) return Order::kPlanes;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(hn::ScalableTag<T>()));
  return unit_class_strides && 2 * classes >= lanes ? Order::kRows : Order::kStaged;
}

// Copies a tile of any strides and type to planes of `length` pixels at buffer, and back.
template <class S, class T> Tile<T> stage_in(const Tile<S>& from, int64_t classes, int64_t pixels, T* buffer) {
  if (from.class_stride < from.pixel_stride) {
    for (int64_t p = 0; p < pixels; ++p)
      for (int64_t c = 0; c < classes; ++c) buffer[c * pixels + p] = from.data[c * from.class_stride + p * from.pixel_stride];
  } else if (from.pixel_stride == 1) {
    for (int64_t c = 0; c < classes; ++c)
      for (int64_t p = 0; p < pixels; ++p) buffer[c * pixels + p] = from.data[c * from.class_stride + p];
  } else {
    for (int64_t c = 0; c < classes; ++c)
      for (int64_t p = 0; p < pixels; ++p) buffer[c * pixels + p] = from.data[c * from.class_stride + p * from.pixel_stride];
  }
  return {buffer, pixels, 1};
}
template <class T, class S> void stage_out(const T* buffer, const Tile<S>& to, int64_t classes, int64_t pixels) {
  if (to.class_stride < to.pixel_stride) {
    for (int64_t p = 0; p < pixels; ++p)
      for (int64_t c = 0; c < classes; ++c) to.data[c * to.class_stride + p * to.pixel_stride] = buffer[c * pixels + p];
  } else if (to.pixel_stride == 1) {
    for (int64_t c = 0; c < classes; ++c)
      for (int64_t p = 0; p < pixels; ++p) to.data[c * to.class_stride + p] = buffer[c * pixels + p];
  } else {
    for (int64_t c = 0; c < classes; ++c)
      for (int64_t p = 0; p < pixels; ++p) to.data[c * to.class_stride + p * to.pixel_stride] = buffer[c * pixels + p];
  }
}

// sum_c term(c) for a vector of pixels, in groups of 64 so that rounding grows with the number of groups.
template <class D, class Term> HWY_INLINE hn::Vec<D> grouped_sum(D d, int64_t classes, Term&& term) {
  auto total = hn::Zero(d);
  for (int64_t first = 0; first < classes; first += 64) {
    auto group = hn::Zero(d);
    for (int64_t c = first; c < classes && c < first + 64; ++c) group = hn::Add(group, term(c));
    total = hn::Add(total, group);
  }
  return total;
}

// max[p] = max_c x and sum[p] = sum_c exp(x - max[p]); with kKeep the exponentials are written to `kept` (same order as x).
// Planes are read class by class first, which is the order that memory likes, and a second time from the cache.
template <bool kKeep, class T> void plane_normalizer(const Tile<const T>& x, int64_t classes, int64_t pixels, PerPixel<T>& max,
                                                     PerPixel<T>& sum, const Tile<T>& kept = {}) {
  const hn::ScalableTag<T> d;
  over_vectors(d, pixels, [&](int64_t p, auto access) HWY_ATTR { hn::Store(access.load(x.data + p), d, &max[p]); });
  for (int64_t c = 1; c < classes; ++c) {
    const T* plane = x.data + c * x.class_stride;
    over_vectors(d, pixels, [&](int64_t p, auto access) HWY_ATTR {
      hn::Store(hn::Max(hn::Load(d, &max[p]), access.load(plane + p)), d, &max[p]);
    });
  }
  over_vectors(d, pixels, [&](int64_t p, auto access) HWY_ATTR {
    const auto m = hn::Load(d, &max[p]);
    const auto total = grouped_sum(d, classes, [&](int64_t c) HWY_ATTR {
      const auto e = fast_exp(d, hn::Sub(access.load(x.data + c * x.class_stride + p), m));
      if constexpr (kKeep) access.store(e, kept.data + c * kept.class_stride + p);
      return e;
    });
    hn::Store(total, d, &sum[p]);
  });
}

template <bool kKeep, class T> void row_normalizer(const Tile<const T>& x, int64_t classes, int64_t pixels, PerPixel<T>& max,
                                                   PerPixel<T>& sum, const Tile<T>& kept = {}) {
  const hn::ScalableTag<T> d;
  constexpr T kLowest = -std::numeric_limits<T>::infinity();
  for (int64_t p = 0; p < pixels; ++p) {
    const T* row = x.data + p * x.pixel_stride;
    auto lanes_max = hn::Set(d, kLowest), lanes_sum = hn::Zero(d);
    over_vectors(d, classes,
                 [&](int64_t c, auto access) HWY_ATTR { lanes_max = hn::Max(lanes_max, access.load(row + c, kLowest)); });
    const auto m = hn::MaxOfLanes(d, lanes_max);
    over_vectors(d, classes, [&](int64_t c, auto access) HWY_ATTR {
      const auto e = fast_exp(d, hn::Sub(access.load(row + c, kLowest), m));
      if constexpr (kKeep) access.store(e, kept.data + p * kept.pixel_stride + c);
      lanes_sum = hn::Add(lanes_sum, e);
    });
    max[p] = hn::GetLane(m);
    sum[p] = hn::GetLane(hn::SumOfLanes(d, lanes_sum));
  }
}

// sum[p] <- log(sum[p])
template <class T> void log_in_place(PerPixel<T>& sum, int64_t pixels) {
  const hn::ScalableTag<T> d;
  over_vectors(d, pixels, [&](int64_t p, auto) HWY_ATTR { hn::Store(log_or_nan(d, hn::Load(d, &sum[p])), d, &sum[p]); });
}

}  // namespace tessera::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
