// Row normalisation on the CPU.
//
// Mapping: a thread takes whole rows; a SIMD lane is a column of the row folded into lines of 16 or 64 values (moments-inl.h).
// Traffic: a row that fits the cache is read from memory once and written once, forward and backward alike.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/row_norm/cpu.cpp"
#include "hwy/foreach_target.h"  // must come before highway.h
#include "hwy/highway.h"
#include "kernels/parallel.h"
#include "kernels/row_norm/moments-inl.h"
#include "kernels/row_norm/row_norm.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels::HWY_NAMESPACE {
namespace {

int64_t row_grain(int64_t length) {
  return std::max<int64_t>(1, 16384 / length);
}

template <class T> void forward(const View& xhat, const View& mean, const View& invstd, const View& input, double eps) {
  using C = compute_t<T>;
  const int64_t length = input.sizes[1];
  parallel_for(input.sizes[0], row_grain(length), [&](int64_t begin, int64_t end) HWY_ATTR {
    for (int64_t r = begin; r < end; ++r) {
      const T* x = input.as<T>() + r * length;
      T* y = xhat.as<T>() + r * length;
      double row_mean, m2;
      strip_moments(x, length, 1, &row_mean, &m2);
      const C mu = static_cast<C>(row_mean), scale = static_cast<C>(1 / std::sqrt(m2 / static_cast<double>(length) + eps));
      mean.as<C>()[r] = mu;
      invstd.as<C>()[r] = scale;
      for (int64_t l = 0; l < length; ++l) y[l] = T((C(x[l]) - mu) * scale);
    }
  });
}

// sum(g) and sum(g * y) of a row: 16 lanes wide, blocks of 1024 values in the compute type, merged in float64.
template <class T> void row_sums(const T* g, const T* y, int64_t length, double& sum, double& sum_product) {
  using C = compute_t<T>;
  constexpr int64_t kLanes = 16;
  sum = sum_product = 0;
  for (int64_t first = 0; first < length; first += 1024) {
    const int64_t last = std::min(length, first + 1024);
    C lanes[kLanes] = {}, products[kLanes] = {};
    int64_t l = first;
    for (; l + kLanes <= last; l += kLanes)
      for (int64_t j = 0; j < kLanes; ++j) {
        lanes[j] += C(g[l + j]);
        products[j] += C(g[l + j]) * C(y[l + j]);
      }
    for (; l < last; ++l) {
      sum += C(g[l]);
      sum_product += C(g[l]) * C(y[l]);
    }
    for (int64_t j = 0; j < kLanes; ++j) sum += lanes[j];
    for (int64_t j = 0; j < kLanes; ++j) sum_product += products[j];
  }
}

template <class T> void backward(const View& grad_input, const View& grad_xhat, const View& xhat, const View& invstd) {
  using C = compute_t<T>;
  const int64_t length = xhat.sizes[1];
  parallel_for(xhat.sizes[0], row_grain(length), [&](int64_t begin, int64_t end) HWY_ATTR {
    for (int64_t r = begin; r < end; ++r) {
      const T *g = grad_xhat.as<T>() + r * length, *y = xhat.as<T>() + r * length;
      T* dx = grad_input.as<T>() + r * length;
      double sum, sum_product;
      row_sums(g, y, length, sum, sum_product);
      const C constant = static_cast<C>(sum / static_cast<double>(length));
      const C slope = static_cast<C>(sum_product / static_cast<double>(length)), scale = invstd.as<C>()[r];
      for (int64_t l = 0; l < length; ++l) dx[l] = T((C(g[l]) - constant - C(y[l]) * slope) * scale);
    }
  });
}

void forward_any(const View& xhat, const View& mean, const View& invstd, const View& input, double eps) {
  dispatch_floating(input.dtype, [&]<class T>() HWY_ATTR { forward<T>(xhat, mean, invstd, input, eps); });
}

void backward_any(const View& grad_input, const View& grad_xhat, const View& xhat, const View& invstd) {
  dispatch_floating(xhat.dtype, [&]<class T>() HWY_ATTR { backward<T>(grad_input, grad_xhat, xhat, invstd); });
}

}  // namespace
}  // namespace tessera::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera::kernels::cpu {

HWY_EXPORT(forward_any);
HWY_EXPORT(backward_any);

void row_norm_forward(const View& xhat, const View& mean, const View& invstd, const View& input, double eps) {
  if (input.sizes[1] == 0) return reference::row_norm_forward(xhat, mean, invstd, input, eps);
  HWY_DYNAMIC_DISPATCH(forward_any)(xhat, mean, invstd, input, eps);
}

void row_norm_backward(const View& grad_input, const View& grad_xhat, const View& xhat, const View& invstd) {
  if (xhat.numel() == 0) return;
  HWY_DYNAMIC_DISPATCH(backward_any)(grad_input, grad_xhat, xhat, invstd);
}

}  // namespace tessera::kernels::cpu
#endif
