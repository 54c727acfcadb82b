// Row normalisation as its formulas read: for each row, one loop a sum, in float64.
#include <cmath>

#include "kernels/row_norm/row_norm.h"

namespace tessera::kernels::reference {

void row_norm_forward(const View& xhat, const View& mean, const View& invstd, const View& input, double eps) {
  dispatch_floating(input.dtype, [&]<class T>() {
    using C = compute_t<T>;
    const int64_t rows = input.sizes[0], length = input.sizes[1];
    for (int64_t r = 0; r < rows; ++r) {
      const T* x = input.as<T>() + r * length;
      double sum = 0, squares = 0;
      for (int64_t l = 0; l < length; ++l) sum += x[l];
      const double mu = sum / static_cast<double>(length);
      for (int64_t l = 0; l < length; ++l) squares += (x[l] - mu) * (x[l] - mu);
      mean.as<C>()[r] = static_cast<C>(mu);
      invstd.as<C>()[r] = static_cast<C>(1 / std::sqrt(squares / static_cast<double>(length) + eps));
      for (int64_t l = 0; l < length; ++l)
        xhat.as<T>()[r * length + l] = static_cast<T>((C{x[l]} - mean.as<C>()[r]) * invstd.as<C>()[r]);
    }
  });
}

void row_norm_backward(const View& grad_input, const View& grad_xhat, const View& xhat, const View& invstd) {
  dispatch_floating(xhat.dtype, [&]<class T>() {
    using C = compute_t<T>;
    const int64_t rows = xhat.sizes[0], length = xhat.sizes[1];
    for (int64_t r = 0; r < rows; ++r) {
      const T *g = grad_xhat.as<T>() + r * length, *y = xhat.as<T>() + r * length;
      double sum = 0, sum_xhat = 0;
      for (int64_t l = 0; l < length; ++l) {
        sum += g[l];
        sum_xhat += static_cast<double>(g[l]) * y[l];
      }
      const C constant = static_cast<C>(sum / static_cast<double>(length));
      const C slope = static_cast<C>(sum_xhat / static_cast<double>(length));
      for (int64_t l = 0; l < length; ++l)
        grad_input.as<T>()[r * length + l] = static_cast<T>((C{g[l]} - constant - C{y[l]} * slope) * invstd.as<C>()[r]);
    }
  });
}

}  // namespace tessera::kernels::reference
