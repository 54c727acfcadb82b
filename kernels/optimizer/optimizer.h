// One optimizer step of many parameters: p is a parameter, g its gradient, the other views the optimizer's state of it.
//
// All views of a parameter have one shape and one floating dtype, which all parameters of a call share; p and the state are read
// and written. A state that the numbers do not use may be a view without data. Formulas and order of operations are PyTorch's.
// The fast kernels want all views of a parameter dense and of the same strides and take others element by element. On CUDA a call
// is one launch for a hundred parameters or so.
#pragma once

#include <span>

#include "kernels/view.h"

namespace tessera::kernels {

// For steps that are captured in a CUDA graph and replayed, which cannot depend on what the host knows at the time of the replay.
// On the CPU `skip` alone counts.
struct StepControl {
  static constexpr size_t kNumberBytes = 128;
  void* numbers = nullptr;     // device memory of kNumberBytes: the step reads its numbers there, not from its argument
  bool write_numbers = false;  // do not step, but write the numbers of the argument there, in the form that a step reads
  const bool* skip = nullptr;  // nothing changes where this is true when the step runs
};

// g += weight_decay p;  with momentum: m = first_step ? g : momentum m + (1 - dampening) g,  g = nesterov ? g + momentum m : m;
// p -= lr g
struct SgdParams {
  double lr = 0, momentum = 0, dampening = 0, weight_decay = 0;
  bool nesterov = false;
  bool first_step = false;  // m holds nothing yet
};
struct SgdTensors {
  View p, m, g;
};
using SgdStep = void(std::span<const SgdTensors>, const SgdParams&, const StepControl&);

// g += weight_decay p;  s = alpha s + (1 - alpha) g^2;  centered: a = alpha a + (1 - alpha) g,  d = sqrt(s - a^2) + eps;
// else d = sqrt(s) + eps;  with momentum: m = momentum m + g / d,  p -= lr m;  else p -= lr g / d
struct RmspropParams {
  double lr = 0, alpha = 0, eps = 0, weight_decay = 0, momentum = 0;
  bool centered = false;
};
struct RmspropTensors {
  View p, s, a, m, g;
};
using RmspropStep = void(std::span<const RmspropTensors>, const RmspropParams&, const StepControl&);

// decoupled (AdamW): p -= lr weight_decay p, else g += weight_decay p;
// m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2;  amsgrad: w = max(w, v), else w = v;
// p -= lr / (1 - beta1^step) m / (sqrt(w) / sqrt(1 - beta2^step) + eps)
struct AdamParams {
  double lr = 0, beta1 = 0, beta2 = 0, eps = 0, weight_decay = 0;
  bool amsgrad = false, decoupled = false;
  int64_t step = 1;
};
struct AdamTensors {
  View p, m, v, w, g;
};
using AdamStep = void(std::span<const AdamTensors>, const AdamParams&, const StepControl&);

// g += weight_decay p;  s += g^2;  p -= lr / (1 + (step - 1) lr_decay) g / (sqrt(s) + eps)
struct AdagradParams {
  double lr = 0, lr_decay = 0, weight_decay = 0, eps = 0;
  int64_t step = 1;
};
struct AdagradTensors {
  View p, s, g;
};
using AdagradStep = void(std::span<const AdagradTensors>, const AdagradParams&, const StepControl&);

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
