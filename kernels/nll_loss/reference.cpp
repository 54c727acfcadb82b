// Negative log-likelihood by its formula, one pixel at a time in row-major order.
#include "kernels/nll_loss/nll_loss.h"

namespace tessera::kernels::reference {
namespace {

template <class T> T& at(const View& v, int64_t n, int64_t h, int64_t w) {
  return v.as<T>()[n * v.strides[0] + h * v.strides[1] + w * v.strides[2]];
}

template <class T> T& at(const View& v, int64_t n, int64_t c, int64_t h, int64_t w) {
  return v.as<T>()[n * v.strides[0] + c * v.strides[1] + h * v.strides[2] + w * v.strides[3]];
}

}  // namespace

void nll_loss_forward(const View& loss, const View& total_weight, const View& first_invalid, const View& input,
                      const View& target, const View& weight, const NllLossParams& params) {
  dispatch_floating(input.dtype, [&]<class S>() {
    using T = compute_t<S>;
    const T* class_weight = weight.as<T>();
    const int64_t classes = input.sizes[1], height = target.sizes[1], width = target.sizes[2];
    double total = 0;
    int64_t invalid = -1;
    for (int64_t n = 0; n < target.sizes[0]; ++n)
      for (int64_t h = 0; h < height; ++h)
        for (int64_t w = 0; w < width; ++w) {
          const int64_t t = at<int64_t>(target, n, h, w);
          T value = 0;
          if (t != params.ignore_index) {
            if (t >= 0 && t < classes) {
              const T wt = class_weight ? class_weight[t] : T{1};
              value = -wt * at<S>(input, n, t, h, w);
              total += wt;
            } else if (invalid < 0) {
              invalid = (n * height + h) * width + w;
            }
          }
          at<T>(loss, n, h, w) = value;
        }
    *total_weight.as<T>() = static_cast<T>(total);
    *first_invalid.as<int64_t>() = invalid;
  });
}

void nll_loss_backward(const View& grad_input, const View& grad_loss, const View& target, const View& weight,
                       const NllLossParams& params) {
  dispatch_floating(grad_input.dtype, [&]<class S>() {
    using T = compute_t<S>;
    const T* class_weight = weight.as<T>();
    for (int64_t n = 0; n < target.sizes[0]; ++n)
      for (int64_t c = 0; c < grad_input.sizes[1]; ++c)
        for (int64_t h = 0; h < target.sizes[1]; ++h)
          for (int64_t w = 0; w < target.sizes[2]; ++w) {
            const int64_t t = at<int64_t>(target, n, h, w);
            const bool hit = c == t && t != params.ignore_index;
            const T wt = class_weight ? class_weight[c] : T{1};
            at<S>(grad_input, n, c, h, w) = hit ? -wt * at<T>(grad_loss, n, h, w) : T{0};
          }
  });
}

}  // namespace tessera::kernels::reference
