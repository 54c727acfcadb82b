#include "nn/optim/optimizer.h"

#include <algorithm>
#include <charconv>

#include "core/grad_mode.h"
#include "core/ops/copy.h"
#include "core/ops/creation.h"
#include "kernels/cuda/graph.h"

namespace tessera::optim {
namespace {

// "INDEX.NAME" taken apart; nothing if it has another form.
std::optional<std::pair<size_t, std::string>> split_name(const std::string& name) {
  size_t index = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), index);
  if (error != std::errc() || end == name.data() + name.size() || *end != '.') return std::nullopt;
  return std::pair(index, std::string(end + 1, name.data() + name.size()));
}

}  // namespace

bool OptimizerOptions::has(const std::string& name) const {
  bool found = false;
  clone()->visit([&](const char* option, double&) { found = found || name == option; });
  return found;
}

double OptimizerOptions::get(const std::string& name) const {
  std::optional<double> result;
  clone()->visit([&](const char* option, double& value) {
    if (name == option) result = value;
  });
  check<ValueError>(result.has_value(), "optimizer: there is no option \"{}\"", name);
  return *result;
}

void OptimizerOptions::set(const std::string& name, double value) {
  check<ValueError>(has(name), "optimizer: there is no option \"{}\"", name);
  visit([&](const char* option, double& number) {
    if (name == option) number = value;
  });
}

Optimizer::Optimizer(std::vector<OptimizerParamGroup> groups, std::unique_ptr<OptimizerOptions> defaults)
    : defaults_(std::move(defaults)) {
  defaults_->check_values();
  for (OptimizerParamGroup& group : groups) add_param_group(std::move(group));
}

void Optimizer::add_param_group(OptimizerParamGroup group) {
  if (!group.has_options()) group.set_options(defaults_->clone());
  check<ValueError>(typeid(group.options()) == typeid(*defaults_), "add_param_group: the options are those of another optimizer");
  group.options().check_values();
  for (const Tensor& param : group.params()) {
    check<ValueError>(param.defined() && param.is_leaf(), "add_param_group: a parameter is no leaf of the graph");
    check<ValueError>(param.is_floating_point(), "add_param_group: a parameter of dtype {}", param.dtype());
    check<ValueError>(state_.emplace(param.impl(), ParamState()).second, "add_param_group: a parameter of shape {} occurs twice",
                      param.sizes());
  }
  groups_.push_back(std::move(group));
}

Tensor Optimizer::step(const LossClosure& closure) {
  Tensor loss;
  if (closure) {
    const AutoGradMode with_grad(true);
    loss = closure();
  }
  const NoGradGuard no_grad;
  size_t captured = 0;
  for (size_t g = 0; g < groups_.size(); ++g) {
    for (Items& items : items_of(groups_[g])) {
      if (kernels::cuda::is_capturing()) {
        capture(g, std::move(items), captured++);
        continue;
      }
      for (const Item& item : items) {
        ++item.state->step;
        item.param.storage()->bump_version();
      }
      update(items, groups_[g].options(), {.skip = skip_flag()});
    }
  }
  return loss;
}

// The parameters that have a gradient, in their order, those together that one call of update() takes.
std::vector<Optimizer::Items> Optimizer::items_of(const OptimizerParamGroup& group) {
  std::vector<Items> all;
  for (const Tensor& param : group.params()) {
    Tensor grad = param.grad();
    if (!grad.defined()) continue;
    check<ValueError>(grad.sizes() == param.sizes() && grad.device() == param.device(),
                      "step: a gradient of shape {} on {} for a parameter of shape {} on {}", grad.sizes(), grad.device(),
                      param.sizes(), param.device());
    grad = grad.to(param.dtype());
    if (!(grad.strides() == param.strides())) grad = grad.contiguous(param.suggest_memory_format());
    ParamState& state = state_.at(param.impl());
    const auto fits = std::find_if(all.begin(), all.end(), [&](const Items& items) {
      const Item& first = items.front();
      return first.param.device() == param.device() && first.param.dtype() == param.dtype() && first.state->step == state.step &&
             first.state->tensors.empty() == state.tensors.empty();
    });
    (fits == all.end() ? all.emplace_back() : *fits).push_back({param, grad, &state});
  }
  return all;
}

// The call of update() at this position of a captured step. Several graphs of the same step share the numbers.
void Optimizer::capture(size_t group, Items items, size_t position) {
  check<ValueError>(items.front().state->step > 0, "step: a parameter of shape {} has no state yet. Make one step before the capture.",
                    items.front().param.sizes());
  if (position == captured_.size()) {
    const TensorOptions bytes = TensorOptions(kUInt8).device(items.front().param.device());
    captured_.push_back({group, items, empty({static_cast<int64_t>(kernels::StepControl::kNumberBytes)}, bytes)});
  }
  const Captured& captured = captured_[position];
  check<ValueError>(captured.group == group && captured.items.size() == items.size() &&
                        captured.items.front().state == items.front().state,
                    "step: another graph was captured with gradients of other parameters. Use an optimizer for each.");
  update(items, groups_[group].options(), {.numbers = captured.numbers.data_ptr(), .skip = skip_flag()});
}

void Optimizer::advance() {
  for (const Captured& captured : captured_) {
    for (const Item& item : captured.items) {
      ++item.state->step;
      item.param.storage()->bump_version();
    }
    update(captured.items, groups_[captured.group].options(), {.numbers = captured.numbers.data_ptr(), .write_numbers = true});
  }
}

void Optimizer::zero_grad(bool set_to_none) {
  for (const OptimizerParamGroup& group : groups_) {
    for (const Tensor& param : group.params()) {
      Tensor& grad = param.mutable_grad();
      if (set_to_none)
        grad = Tensor();
      else if (grad.defined())
        fill_(grad = grad.detach(), 0);
    }
  }
}

Tensor Optimizer::state_tensor(ParamState& state, const std::string& name, const Tensor& param, double fill) {
  Tensor& tensor = state.tensors[name];
  if (!tensor.defined()) tensor = full_like(param.detach(), fill);
  check<ValueError>(tensor.sizes() == param.sizes(),
                    "step: the state {} has shape {}, its parameter now {}. Make a new optimizer.", name, tensor.sizes(),
                    param.sizes());
  tensor = tensor.to(param.options());  // follows a parameter that was converted since
  return tensor;
}

OptimizerState Optimizer::state_dict() const {
  OptimizerState result;
  size_t index = 0;
  for (size_t g = 0; g < groups_.size(); ++g) {
    groups_[g].options().clone()->visit(
        [&](const char* name, double& value) { result.numbers[fmt::format("group.{}.{}", g, name)] = value; });
    for (const Tensor& param : groups_[g].params()) {
      const ParamState& state = state_.at(param.impl());
      if (state.step > 0) result.numbers[fmt::format("{}.step", index)] = static_cast<double>(state.step);
      for (const auto& [name, tensor] : state.tensors) result.tensors[fmt::format("{}.{}", index, name)] = tensor.clone();
      ++index;
    }
  }
  return result;
}

void Optimizer::load_state_dict(const OptimizerState& given) {
  const NoGradGuard no_grad;
  TensorList params;
  for (const OptimizerParamGroup& group : groups_) params.insert(params.end(), group.params().begin(), group.params().end());
  const std::vector<std::string> names = state_names();
  std::vector<ParamState> states(params.size());
  for (const auto& [key, tensor] : given.tensors) {
    const auto name = split_name(key);
    check<ValueError>(name && name->first < params.size() && std::find(names.begin(), names.end(), name->second) != names.end(),
                      "load_state_dict: this optimizer has no state \"{}\"", key);
    const Tensor& param = params[name->first];
    check<ValueError>(tensor.sizes() == param.sizes(), "load_state_dict: \"{}\" has shape {}, its parameter {}", key,
                      tensor.sizes(), param.sizes());
    copy_(states[name->first].tensors[name->second] = empty_like(param.detach()), tensor);
  }
  std::vector<std::unique_ptr<OptimizerOptions>> options;
  for (const OptimizerParamGroup& group : groups_) options.push_back(group.options().clone());
  for (const auto& [key, value] : given.numbers) {
    const auto name = split_name(key.starts_with("group.") ? key.substr(6) : key);
    if (key.starts_with("group.")) {
      check<ValueError>(name && name->first < options.size() && options[name->first]->has(name->second),
                        "load_state_dict: this optimizer has no option \"{}\"", key);
      options[name->first]->set(name->second, value);
    } else {
      check<ValueError>(name && name->first < params.size() && name->second == "step" && value >= 0,
                        "load_state_dict: this optimizer has no state \"{}\" = {}", key, value);
      states[name->first].step = static_cast<int64_t>(value);
    }
  }
  for (const auto& o : options) o->check_values();
  for (size_t i = 0; i < params.size(); ++i) state_[params[i].impl()] = std::move(states[i]);
  for (size_t g = 0; g < groups_.size(); ++g) groups_[g].set_options(std::move(options[g]));
}

}  // namespace tessera::optim
