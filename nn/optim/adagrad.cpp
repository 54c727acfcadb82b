#include "nn/optim/adagrad.h"

#include "core/kernel_table.h"
#include "kernels/optimizer/optimizer.h"

namespace tessera::optim {
namespace {
const Kernel<kernels::AdagradStep> adagrad_step = TESSERA_KERNEL(adagrad_step);
}

void AdagradOptions::visit(const std::function<void(const char*, double&)>& visit) {
  visit("lr", lr_);
  visit("lr_decay", lr_decay_);
  visit("weight_decay", weight_decay_);
  visit("initial_accumulator_value", initial_accumulator_value_);
  visit("eps", eps_);
}

void AdagradOptions::check_values() const {
  check<ValueError>(lr_ >= 0 && lr_decay_ >= 0 && weight_decay_ >= 0 && initial_accumulator_value_ >= 0 && eps_ >= 0,
                    "Adagrad: lr {}, lr_decay {}, weight_decay {}, initial_accumulator_value {} or eps {} is negative", lr_,
                    lr_decay_, weight_decay_, initial_accumulator_value_, eps_);
}

void Adagrad::update(const Tensor& param, const Tensor& grad, const OptimizerOptions& options, ParamState& state) {
  const auto& o = static_cast<const AdagradOptions&>(options);
  const View sum = state_tensor(state, "sum", param, o.initial_accumulator_value()).as_view();
  adagrad_step(param.device(), param.as_view(), sum, grad.as_view(),
               kernels::AdagradParams{
                   .lr = o.lr(), .lr_decay = o.lr_decay(), .weight_decay = o.weight_decay(), .eps = o.eps(), .step = state.step});
}

}  // namespace tessera::optim
