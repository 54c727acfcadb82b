#include "nn/optim/adam.h"

#include "core/kernel_table.h"
#include "kernels/optimizer/optimizer.h"

namespace tessera::optim {
namespace {

const Kernel<kernels::AdamStep> adam_step = TESSERA_KERNEL(adam_step);

template <class Options> void visit_options(Options& o, const std::function<void(const char*, double&)>& visit) {
  visit("lr", o.lr());
  visit("beta1", std::get<0>(o.betas()));
  visit("beta2", std::get<1>(o.betas()));
  visit("eps", o.eps());
  visit("weight_decay", o.weight_decay());
  visit_flag(visit, "amsgrad", o.amsgrad());
}

template <class Options> void check_options(const char* name, const Options& o) {
  const auto [beta1, beta2] = o.betas();
  check<ValueError>(o.lr() >= 0 && o.eps() >= 0 && o.weight_decay() >= 0, "{}: lr {}, eps {} or weight_decay {} is negative",
                    name, o.lr(), o.eps(), o.weight_decay());
  check<ValueError>(beta1 >= 0 && beta1 < 1 && beta2 >= 0 && beta2 < 1, "{}: betas ({}, {}) do not lie in [0, 1)", name, beta1,
                    beta2);
}

// state(item, name) is the view of the state tensor of that name.
template <class Options, class Items, class StateOf>
void adam_update(const Items& items, const Options& o, bool decoupled, const kernels::StepControl& control, const StateOf& state) {
  std::vector<kernels::AdamTensors> tensors;
  for (const auto& item : items)
    tensors.push_back({item.param.as_view(), state(item, "exp_avg"), state(item, "exp_avg_sq"),
                       o.amsgrad() ? state(item, "max_exp_avg_sq") : View(), item.grad.as_view()});
  adam_step(items.front().param.device(), tensors,
            kernels::AdamParams{.lr = o.lr(),
                                .beta1 = std::get<0>(o.betas()),
                                .beta2 = std::get<1>(o.betas()),
                                .eps = o.eps(),
                                .weight_decay = o.weight_decay(),
                                .amsgrad = o.amsgrad(),
                                .decoupled = decoupled,
                                .step = items.front().state->step},
            control);
}

}  // namespace

void AdamOptions::visit(const std::function<void(const char*, double&)>& visit) {
  visit_options(*this, visit);
}
void AdamOptions::check_values() const {
  check_options("Adam", *this);
}
void AdamWOptions::visit(const std::function<void(const char*, double&)>& visit) {
  visit_options(*this, visit);
}
void AdamWOptions::check_values() const {
  check_options("AdamW", *this);
}

void Adam::update(const Items& items, const OptimizerOptions& options, const kernels::StepControl& control) {
  adam_update(items, static_cast<const AdamOptions&>(options), /*decoupled=*/false, control,
              [](const Item& item, const char* name) { return state_tensor(*item.state, name, item.param).as_view(); });
}

void AdamW::update(const Items& items, const OptimizerOptions& options, const kernels::StepControl& control) {
  adam_update(items, static_cast<const AdamWOptions&>(options), /*decoupled=*/true, control,
              [](const Item& item, const char* name) { return state_tensor(*item.state, name, item.param).as_view(); });
}

}  // namespace tessera::optim
