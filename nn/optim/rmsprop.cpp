#include "nn/optim/rmsprop.h"

#include "core/kernel_table.h"
#include "kernels/optimizer/optimizer.h"

namespace tessera::optim {
namespace {
const Kernel<kernels::RmspropStep> rmsprop_step = TESSERA_KERNEL(rmsprop_step);
}

void RMSpropOptions::visit(const std::function<void(const char*, double&)>& visit) {
  visit("lr", lr_);
  visit("alpha", alpha_);
  visit("eps", eps_);
  visit("weight_decay", weight_decay_);
  visit("momentum", momentum_);
  visit_flag(visit, "centered", centered_);
}

void RMSpropOptions::check_values() const {
  check<ValueError>(lr_ >= 0 && alpha_ >= 0 && eps_ >= 0 && weight_decay_ >= 0 && momentum_ >= 0,
                    "RMSprop: lr {}, alpha {}, eps {}, weight_decay {} or momentum {} is negative", lr_, alpha_, eps_,
                    weight_decay_, momentum_);
}

void RMSprop::update(const Items& items, const OptimizerOptions& options, const kernels::StepControl& control) {
  const auto& o = static_cast<const RMSpropOptions&>(options);
  std::vector<kernels::RmspropTensors> tensors;
  for (const auto& [param, grad, state] : items) {
    const View square = state_tensor(*state, "square_avg", param).as_view();
    View mean, momentum;
    if (o.centered()) mean = state_tensor(*state, "grad_avg", param).as_view();
    if (o.momentum() != 0) momentum = state_tensor(*state, "momentum_buffer", param).as_view();
    tensors.push_back({param.as_view(), square, mean, momentum, grad.as_view()});
  }
  rmsprop_step(items.front().param.device(), tensors,
               kernels::RmspropParams{.lr = o.lr(),
                                      .alpha = o.alpha(),
                                      .eps = o.eps(),
                                      .weight_decay = o.weight_decay(),
                                      .momentum = o.momentum(),
                                      .centered = o.centered()},
               control);
}

}  // namespace tessera::optim
