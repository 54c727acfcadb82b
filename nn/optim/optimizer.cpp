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
  constexpr auto kNumberBytes = static_cast<int64_t>(kernels::StepControl::kNumberBytes);
  size_t position = 0;
  for (size_t g = 0; g < groups_.size(); ++g) {
    for (Items& items : items_of(groups_[g])) {
      if (kernels::cuda::is_capturing()) {
        capture(g, std::move(items), position++);
        continue;
      }
      if (position++ == numbers_.size())
        numbers_.push_back(empty({kNumberBytes}, TensorOptions(kUInt8).device(items.front().param.device())));
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
  const Tensor& param = items.front().param;
  check<DeviceError>(
      items.front().state->step > 0 && position < numbers_.size() && numbers_[position].device() == param.device(),
      "step: a CUDA graph is being recorded, but no step has been made with a gradient for a parameter of shape {}. "
      "Make one step before the recording.",
      param.sizes());
  check<DeviceError>(
      position >= captured_.size() || (captured_[position].group == group && captured_[position].items.size() == items.size() &&
                                       captured_[position].items.front().state == items.front().state),
      "step: another graph was captured with gradients of other parameters. Use an optimizer for each.");
  update(items, groups_[group].options(), {.numbers = numbers_[position].data_ptr(), .skip = skip_flag()});
  for (Item& item : items) {
    item.state->captured = true;
    item.grad = item.param;  // advance() hands over numbers alone, so the gradients' memory is free for other graphs
  }
  if (position == captured_.size()) captured_.push_back({group, std::move(items)});
}

void Optimizer::advance() {
  for (size_t position = 0; position < captured_.size(); ++position) {
    const Captured& captured = captured_[position];
    const int64_t steps = captured.items.front().state->step;
    for (const Item& item : captured.items) {
      check<DeviceError>(item.state->step == steps,
                         "step: captured parameters have made {} and {} steps. Use an optimizer for each.", steps,
                         item.state->step);
    }
    for (const Item& item : captured.items) {
      ++item.state->step;
      item.param.storage()->bump_version();
    }
    update(captured.items, groups_[captured.group].options(), {.numbers = numbers_[position].data_ptr(), .write_numbers = true});
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
  const auto found = state.tensors.find(name);
  const bool fits =
      found != state.tensors.end() && found->second.dtype() == param.dtype() && found->second.device() == param.device();
  check<DeviceError>(
      fits || !(state.captured || kernels::cuda::is_capturing()),
      "step: a step in a CUDA graph needs the state {} of a parameter of shape {} as it is now, which no step before the "
      "first recording has made. Make one with these options before it.",
      name, param.sizes());
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
  const auto same_names = [](const auto& a, const auto& b) { return a.first == b.first; };
  for (size_t i = 0; i < params.size(); ++i) {
    const ParamState& present = state_.at(params[i].impl());
    check<ValueError>(
        !present.captured || std::equal(present.tensors.begin(), present.tensors.end(), states[i].tensors.begin(),
                                        states[i].tensors.end(), same_names),
        "load_state_dict: a captured step uses other states of parameter {} than are given. Load it into a new optimizer.", i);
  }
  for (size_t i = 0; i < params.size(); ++i) {
    ParamState& present = state_.at(params[i].impl());
    if (present.captured) {
      for (const auto& [name, tensor] : present.tensors) copy_(tensor, states[i].tensors.at(name));
      present.step = states[i].step;
    } else {
      present = std::move(states[i]);
    }
  }
  for (size_t g = 0; g < groups_.size(); ++g) groups_[g].set_options(std::move(options[g]));
}

}  // namespace tessera::optim
