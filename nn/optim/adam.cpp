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

// m, v and w are the views of exp_avg, exp_avg_sq and max_exp_avg_sq.
template <class Options> void adam_update(const Tensor& param, const Tensor& grad, const Options& o, int64_t step, bool decoupled,
                                          const View& m, const View& v, const View& w) {
  adam_step(param.device(), param.as_view(), m, v, w, grad.as_view(),
            kernels::AdamParams{.lr = o.lr(),
                                .beta1 = std::get<0>(o.betas()),
                                .beta2 = std::get<1>(o.betas()),
                                .eps = o.eps(),
                                .weight_decay = o.weight_decay(),
                                .amsgrad = o.amsgrad(),
                                .decoupled = decoupled,
                                .step = step});
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

void Adam::update(const Tensor& param, const Tensor& grad, const OptimizerOptions& options, ParamState& state) {
  const auto& o = static_cast<const AdamOptions&>(options);
  adam_update(param, grad, o, state.step, /*decoupled=*/false, state_tensor(state, "exp_avg", param).as_view(),
              state_tensor(state, "exp_avg_sq", param).as_view(),
              o.amsgrad() ? state_tensor(state, "max_exp_avg_sq", param).as_view() : View());
}

void AdamW::update(const Tensor& param, const Tensor& grad, const OptimizerOptions& options, ParamState& state) {
  const auto& o = static_cast<const AdamWOptions&>(options);
  adam_update(param, grad, o, state.step, /*decoupled=*/true, state_tensor(state, "exp_avg", param).as_view(),
              state_tensor(state, "exp_avg_sq", param).as_view(),
              o.amsgrad() ? state_tensor(state, "max_exp_avg_sq", param).as_view() : View());
}

}  // namespace tessera::optim
