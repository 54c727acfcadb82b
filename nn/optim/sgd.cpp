#include "nn/optim/sgd.h"

#include "core/kernel_table.h"
#include "kernels/optimizer/optimizer.h"

namespace tessera::optim {
namespace {
const Kernel<kernels::SgdStep> sgd_step = TESSERA_KERNEL(sgd_step);
}

void SGDOptions::visit(const std::function<void(const char*, double&)>& visit) {
  visit("lr", lr_);
  visit("momentum", momentum_);
  visit("dampening", dampening_);
  visit("weight_decay", weight_decay_);
  visit_flag(visit, "nesterov", nesterov_);
}

void SGDOptions::check_values() const {
  check<ValueError>(lr_ >= 0 && momentum_ >= 0 && weight_decay_ >= 0, "SGD: lr {}, momentum {} or weight_decay {} is negative",
                    lr_, momentum_, weight_decay_);
  check<ValueError>(!nesterov_ || (momentum_ > 0 && dampening_ == 0), "SGD: nesterov needs a momentum and no dampening");
}

void SGD::update(const Items& items, const OptimizerOptions& options, const kernels::StepControl& control) {
  const auto& o = static_cast<const SGDOptions&>(options);
  const bool first = !items.front().state->tensors.contains("momentum_buffer");
  std::vector<kernels::SgdTensors> tensors;
  for (const auto& [param, grad, state] : items) {
    const View momentum = o.momentum() != 0 ? state_tensor(*state, "momentum_buffer", param).as_view() : View{};
    tensors.push_back({param.as_view(), momentum, grad.as_view()});
  }
  sgd_step(items.front().param.device(), tensors,
           kernels::SgdParams{.lr = o.lr(),
                              .momentum = o.momentum(),
                              .dampening = o.dampening(),
                              .weight_decay = o.weight_decay(),
                              .nesterov = o.nesterov(),
                              .first_step = first},
           control);
}

}  // namespace tessera::optim
