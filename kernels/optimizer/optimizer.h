// One optimizer step of one parameter: p is the parameter, g its gradient, the other views the optimizer's state.
//
// All views of a call have one shape and one floating dtype; p and the state are read and written. A state that the parameters
// do not use may be a view without data. Formulas and order of operations are PyTorch's. The fast kernels want all views dense
// and of the same strides and hand other calls to the reference.
#pragma once

#include "kernels/view.h"

namespace tessera::kernels {

// g += weight_decay p;  with momentum: m = first_step ? g : momentum m + (1 - dampening) g,  g = nesterov ? g + momentum m : m;
// p -= lr g
struct SgdParams {
  double lr = 0, momentum = 0, dampening = 0, weight_decay = 0;
  bool nesterov = false;
  bool first_step = false;  // m holds nothing yet
};
using SgdStep = void(const View& p, const View& m, const View& g, const SgdParams& params);

// g += weight_decay p;  s = alpha s + (1 - alpha) g^2;  centered: a = alpha a + (1 - alpha) g,  d = sqrt(s - a^2) + eps;
// else d = sqrt(s) + eps;  with momentum: m = momentum m + g / d,  p -= lr m;  else p -= lr g / d
struct RmspropParams {
  double lr = 0, alpha = 0, eps = 0, weight_decay = 0, momentum = 0;
  bool centered = false;
};
using RmspropStep = void(const View& p, const View& s, const View& a, const View& m, const View& g, const RmspropParams& params);

// decoupled (AdamW): p -= lr weight_decay p, else g += weight_decay p;
// m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2;  amsgrad: w = max(w, v), else w = v;
// p -= lr / (1 - beta1^step) m / (sqrt(w) / sqrt(1 - beta2^step) + eps)
struct AdamParams {
  double lr = 0, beta1 = 0, beta2 = 0, eps = 0, weight_decay = 0;
  bool amsgrad = false, decoupled = false;
  int64_t step = 1;
};
using AdamStep = void(const View& p, const View& m, const View& v, const View& w, const View& g, const AdamParams& params);

// g += weight_decay p;  s += g^2;  p -= lr / (1 + (step - 1) lr_decay) g / (sqrt(s) + eps)
struct AdagradParams {
  double lr = 0, lr_decay = 0, weight_decay = 0, eps = 0;
  int64_t step = 1;
};
using AdagradStep = void(const View& p, const View& s, const View& g, const AdagradParams& params);

namespace reference {
SgdStep sgd_step;
RmspropStep rmsprop_step;
AdamStep adam_step;
AdagradStep adagrad_step;
}  // namespace reference

namespace cpu {
SgdStep sgd_step;
RmspropStep rmsprop_step;
AdamStep adam_step;
AdagradStep adagrad_step;
}  // namespace cpu

namespace cuda {
SgdStep sgd_step;
RmspropStep rmsprop_step;
AdamStep adam_step;
AdagradStep adagrad_step;
}  // namespace cuda

}  // namespace tessera::kernels
