// Optimizer steps, element by element, through strides.
#include <cmath>

#include "kernels/optimizer/optimizer.h"

namespace tessera::kernels::reference {
namespace {

// Walks over all elements of some views of one shape: at(k) is the present element of view k.
template <class S, size_t kViews> class Walk {
 public:
  explicit Walk(const std::array<View, kViews>& views) : views_(views), left_(views[0].numel()) {}
  bool done() const { return left_ == 0; }
  S& at(size_t k) const { return views_[k].template as<S>()[offset_[k]]; }
  void next() {
    --left_;
    for (int d = views_[0].ndim - 1; d >= 0; --d) {
      const bool wrap = ++index_[d] == views_[0].sizes[d];
      for (size_t k = 0; k < kViews; ++k) offset_[k] += wrap ? -(index_[d] - 1) * views_[k].strides[d] : views_[k].strides[d];
      if (!wrap) return;
      index_[d] = 0;
    }
  }

 private:
  std::array<View, kViews> views_;
  int64_t left_;
  std::array<int64_t, kMaxDims> index_{};
  std::array<int64_t, kViews> offset_{};
};

}  // namespace

void sgd_step(const View& p, const View& m, const View& g, const SgdParams& params) {
  dispatch_floating(p.dtype, [&]<class S>() {
    using T = compute_t<S>;
    const T lr(params.lr), momentum(params.momentum), fresh(1 - params.dampening), decay(params.weight_decay);
    const bool has_momentum = params.momentum != 0;
    for (Walk<S, 3> at({p, has_momentum ? m : p, g}); !at.done(); at.next()) {
      const T param = at.at(0);
      T grad = at.at(2);
      grad += decay * param;
      if (has_momentum) {
        const T buffer = params.first_step ? grad : momentum * static_cast<T>(at.at(1)) + fresh * grad;
        at.at(1) = static_cast<S>(buffer);
        grad = params.nesterov ? grad + momentum * buffer : buffer;
      }
      at.at(0) = static_cast<S>(param - lr * grad);
    }
  });
}

void rmsprop_step(const View& p, const View& s, const View& a, const View& m, const View& g, const RmspropParams& params) {
  dispatch_floating(p.dtype, [&]<class S>() {
    using T = compute_t<S>;
    const T lr(params.lr), alpha(params.alpha), fresh(1 - params.alpha), eps(params.eps), decay(params.weight_decay),
        momentum(params.momentum);
    const bool has_momentum = params.momentum != 0;
    for (Walk<S, 5> at({p, s, params.centered ? a : p, has_momentum ? m : p, g}); !at.done(); at.next()) {
      const T param = at.at(0);
      T grad = at.at(4);
      grad += decay * param;
      const T square = alpha * static_cast<T>(at.at(1)) + fresh * grad * grad;
      at.at(1) = static_cast<S>(square);
      T variance = square;
      if (params.centered) {
        const T mean = alpha * static_cast<T>(at.at(2)) + fresh * grad;
        at.at(2) = static_cast<S>(mean);
        variance -= mean * mean;
      }
      T update = grad / (std::sqrt(variance) + eps);
      if (has_momentum) {
        update += momentum * static_cast<T>(at.at(3));
        at.at(3) = static_cast<S>(update);
      }
      at.at(0) = static_cast<S>(param - lr * update);
    }
  });
}

void adam_step(const View& p, const View& m, const View& v, const View& w, const View& g, const AdamParams& params) {
  dispatch_floating(p.dtype, [&]<class S>() {
    using T = compute_t<S>;
    const T beta1(params.beta1), beta2(params.beta2), fresh1(1 - params.beta1), fresh2(1 - params.beta2), eps(params.eps);
    const T step_size(params.lr / (1 - std::pow(params.beta1, params.step)));
    const T root_correction(std::sqrt(1 - std::pow(params.beta2, params.step)));
    const T keep(params.decoupled ? 1 - params.lr * params.weight_decay : 1), decay(params.decoupled ? 0 : params.weight_decay);
    for (Walk<S, 5> at({p, m, v, params.amsgrad ? w : p, g}); !at.done(); at.next()) {
      const T param = keep * static_cast<T>(at.at(0));
      const T grad = static_cast<T>(at.at(4)) + decay * param;
      const T mean = beta1 * static_cast<T>(at.at(1)) + fresh1 * grad;
      T square = beta2 * static_cast<T>(at.at(2)) + fresh2 * grad * grad;
      at.at(1) = static_cast<S>(mean);
      at.at(2) = static_cast<S>(square);
      if (params.amsgrad) {
        const T largest = at.at(3);
        square = largest > square ? largest : square;
        at.at(3) = static_cast<S>(square);
      }
      at.at(0) = static_cast<S>(param - step_size * (mean / (std::sqrt(square) / root_correction + eps)));
    }
  });
}

void adagrad_step(const View& p, const View& s, const View& g, const AdagradParams& params) {
  dispatch_floating(p.dtype, [&]<class S>() {
    using T = compute_t<S>;
    const T lr(params.lr / (1 + static_cast<double>(params.step - 1) * params.lr_decay)), decay(params.weight_decay),
        eps(params.eps);
    for (Walk<S, 3> at({p, s, g}); !at.done(); at.next()) {
      const T param = at.at(0);
      const T grad = static_cast<T>(at.at(2)) + decay * param;
      const T sum = static_cast<T>(at.at(1)) + grad * grad;
      at.at(1) = static_cast<S>(sum);
      at.at(0) = static_cast<S>(param - lr * (grad / (std::sqrt(sum) + eps)));
    }
  });
}

}  // namespace tessera::kernels::reference
