// What an optimizer step does to one element, for T = float or double. Reference and CUDA kernels use these same lines.
//
// A step is made from its parameters and called with the element's parameter, state and gradient; it writes the new parameter and
// state in place. Its numbers are prepared in double and rounded to T once.
#pragma once

#include <cmath>

#include "kernels/optimizer/optimizer.h"

namespace tessera::kernels {

template <class T> struct SgdElement {
  T lr, momentum, fresh, decay;
  bool nesterov, first_step;
  explicit SgdElement(const SgdParams& p)
      : lr(p.lr), momentum(p.momentum), fresh(1 - p.dampening), decay(p.weight_decay), nesterov(p.nesterov),
        first_step(p.first_step) {}

  constexpr void operator()(T& param, T& buffer, T grad) const {
    grad += decay * param;
    if (momentum != 0) {
      buffer = first_step ? grad : momentum * buffer + fresh * grad;
      grad = nesterov ? grad + momentum * buffer : buffer;
    }
    param -= lr * grad;
  }
};

template <class T> struct RmspropElement {
  T lr, alpha, fresh, eps, decay, momentum;
  bool centered;
  explicit RmspropElement(const RmspropParams& p)
      : lr(p.lr), alpha(p.alpha), fresh(1 - p.alpha), eps(p.eps), decay(p.weight_decay), momentum(p.momentum),
        centered(p.centered) {}

  constexpr void operator()(T& param, T& square, T& mean, T& buffer, T grad) const {
    grad += decay * param;
    square = alpha * square + fresh * grad * grad;
    T variance = square;
    if (centered) {
      mean = alpha * mean + fresh * grad;
      variance -= mean * mean;
    }
    T update = grad / (T(std::sqrt(variance)) + eps);
    if (momentum != 0) update = buffer = update + momentum * buffer;
    param -= lr * update;
  }
};

template <class T> struct AdamElement {
  T beta1, beta2, fresh1, fresh2, eps, step_size, root_correction, keep, decay;
  bool amsgrad;
  explicit AdamElement(const AdamParams& p)
      : beta1(p.beta1), beta2(p.beta2), fresh1(1 - p.beta1), fresh2(1 - p.beta2), eps(p.eps),
        step_size(p.lr / (1 - std::pow(p.beta1, p.step))), root_correction(std::sqrt(1 - std::pow(p.beta2, p.step))),
        keep(p.decoupled ? 1 - p.lr * p.weight_decay : 1), decay(p.decoupled ? 0 : p.weight_decay), amsgrad(p.amsgrad) {}

  constexpr void operator()(T& param, T& mean, T& square, T& largest, T grad) const {
    param *= keep;
    grad += decay * param;
    mean = beta1 * mean + fresh1 * grad;
    square = beta2 * square + fresh2 * grad * grad;
    T bound = square;
    if (amsgrad) bound = largest = largest > square ? largest : square;
    param -= step_size * (mean / (T(std::sqrt(bound)) / root_correction + eps));
  }
};

template <class T> struct AdagradElement {
  T lr, decay, eps;
  explicit AdagradElement(const AdagradParams& p)
      : lr(p.lr / (1 + static_cast<double>(p.step - 1) * p.lr_decay)), decay(p.weight_decay), eps(p.eps) {}

  constexpr void operator()(T& param, T& sum, T grad) const {
    grad += decay * param;
    sum += grad * grad;
    param -= lr * (grad / (T(std::sqrt(sum)) + eps));
  }
};

}  // namespace tessera::kernels
