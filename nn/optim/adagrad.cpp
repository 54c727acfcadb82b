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

void Adagrad::update(const Items& items, const OptimizerOptions& options, const kernels::StepControl& control) {
  const auto& o = static_cast<const AdagradOptions&>(options);
  std::vector<kernels::AdagradTensors> tensors;
  for (const auto& [param, grad, state] : items)
    tensors.push_back(
        {param.as_view(), state_tensor(*state, "sum", param, o.initial_accumulator_value()).as_view(), grad.as_view()});
  adagrad_step(items.front().param.device(), tensors,
               kernels::AdagradParams{.lr = o.lr(),
                                      .lr_decay = o.lr_decay(),
                                      .weight_decay = o.weight_decay(),
                                      .eps = o.eps(),
                                      .step = items.front().state->step},
               control);
}

}  // namespace tessera::optim
