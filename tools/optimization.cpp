#include "tools/optimization.h"

#include <cmath>
#include <cstdlib>

#include "core/ops/creation.h"
#include "nn/clip_grad.h"
#include "nn/optim/adagrad.h"
#include "nn/optim/adam.h"
#include "nn/optim/rmsprop.h"
#include "nn/optim/sgd.h"
#include "nn/serialize/state_dict.h"
#include "tools/command.h"

namespace tessera::tools {
namespace {

constexpr const char* kEmaUpdates = "ema.updates";

TensorList trained_parameters(const nn::Module& network) {
  TensorList parameters = network.parameters();
  std::erase_if(parameters, [](const Tensor& parameter) { return !parameter.requires_grad(); });
  check<UsageError>(!parameters.empty(), "--freeze: all parameters are frozen, so that nothing would be learnt.");
  return parameters;
}

std::unique_ptr<optim::Optimizer> make_optimizer(const TensorList& parameters, const OptimizationOptions& o) {
  if (o.optimizer == "sgd")
    return std::make_unique<optim::SGD>(parameters, optim::SGDOptions(*o.lr).momentum(o.momentum).weight_decay(o.weight_decay));
  if (o.optimizer == "rmsprop")
    return std::make_unique<optim::RMSprop>(parameters,
                                            optim::RMSpropOptions(*o.lr).momentum(o.momentum).weight_decay(o.weight_decay));
  if (o.optimizer == "adagrad")
    return std::make_unique<optim::Adagrad>(parameters, optim::AdagradOptions(*o.lr).weight_decay(o.weight_decay));
  if (o.optimizer == "adam")
    return std::make_unique<optim::Adam>(parameters, optim::AdamOptions(*o.lr).weight_decay(o.weight_decay));
  return std::make_unique<optim::AdamW>(parameters, optim::AdamWOptions(*o.lr).weight_decay(o.weight_decay));
}

// JSON has no infinity, which the best loss so far starts from: numbers that are not finite are written as text.
nlohmann::json to_json(const std::map<std::string, double>& numbers) {
  nlohmann::json json = nlohmann::json::object();
  for (const auto& [name, value] : numbers)
    json[name] = std::isfinite(value) ? nlohmann::json(value) : nlohmann::json(fmt::format("{}", value));
  return json;
}

std::map<std::string, double> to_numbers(const nlohmann::json& json) {
  std::map<std::string, double> numbers;
  for (const auto& [name, value] : json.items())
    numbers[name] = value.is_string() ? std::strtod(value.get<std::string>().c_str(), nullptr) : value.get<double>();
  return numbers;
}

}  // namespace

Optimization::Optimization(nn::Module& network, const OptimizationOptions& options, int64_t steps_per_epoch)
    : network_(network),
      parameters_(trained_parameters(network)),
      clip_grad_(options.clip_grad),
      ema_decay_(options.ema),
      optimizer_(make_optimizer(parameters_, options)),
      schedule_(*optimizer_, options, steps_per_epoch) {
  restart_average();
}

void Optimization::restart_average() {
  if (ema_decay_ > 0) ema_ = std::make_unique<nn::EMA>(network_, ema_decay_, /*warm_up=*/true);
}

void Optimization::zero_grad() {
  optimizer_->zero_grad();
}

void Optimization::step() {
  if (clip_grad_ > 0) {
    TensorList grads;
    for (const Tensor& parameter : parameters_)
      if (parameter.grad().defined()) grads.push_back(parameter.grad());
    nn::utils::clip_grads_with_norm_(parameters_, clip_grad_, nn::utils::get_total_norm(grads));
  }
  optimizer_->step();
}

void Optimization::after_step() {
  if (ema_) ema_->update();
  schedule_.after_step();
}

void Optimization::end_epoch(double val_loss) { schedule_.after_epoch(val_loss); }

double Optimization::lr() const {
  return optimizer_->param_groups()[0].options().get_lr();
}

void Optimization::save(Checkpoint& checkpoint) const {
  const optim::OptimizerState state = optimizer_->state_dict();
  checkpoint.optimizer_tensors.assign(state.tensors.begin(), state.tensors.end());
  checkpoint.optimizer = to_json(state.numbers);
  checkpoint.schedule = to_json(schedule_.state());
  checkpoint.model = nn::state_dict(network_);
  if (!ema_) return;
  check<ValueError>(!ema_->is_swapped(), "Optimization: save() while the averages are in the network.");
  checkpoint.trained = std::move(checkpoint.model);
  checkpoint.model = ema_->state();
  checkpoint.model.pop_back();  // the number of updates, which is no weight
  checkpoint.ema_updates = ema_->updates();
}

void Optimization::load(const Checkpoint& checkpoint, const std::string& file) {
  load_model(network_, ema_ ? checkpoint.trained : checkpoint.model, file);
  try {
    if (ema_) {
      NamedTensors state = checkpoint.model;
      state.emplace_back(kEmaUpdates, full({}, checkpoint.ema_updates, kInt64));
      ema_->load_state(state);
    }
    optim::OptimizerState state;
    state.tensors.insert(checkpoint.optimizer_tensors.begin(), checkpoint.optimizer_tensors.end());
    state.numbers = to_numbers(checkpoint.optimizer);
    optimizer_->load_state_dict(state);
    schedule_.load(to_numbers(checkpoint.schedule));
  } catch (const ValueError& error) {
    throw FileError(fmt::format("{}: {}", file, error.what()));
  } catch (const nlohmann::json::exception& error) {
    throw FileError(fmt::format("{}: damaged optimizer state: {}", file, error.what()));
  }
}

}  // namespace tessera::tools
