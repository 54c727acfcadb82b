#include "tools/optimization.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "nn/clip_grad.h"
#include "nn/optim/adam.h"
#include "nn/optim/rmsprop.h"
#include "nn/optim/sgd.h"

namespace tessera::tools {
namespace {

constexpr int64_t kPlateauPatience = 5;  // validations without a better loss before the rate falls to a tenth

std::unique_ptr<optim::Optimizer> make_optimizer(const TensorList& parameters, const OptimizationOptions& o) {
  if (o.optimizer == "sgd")
    return std::make_unique<optim::SGD>(parameters, optim::SGDOptions(*o.lr).momentum(o.momentum).weight_decay(o.weight_decay));
  if (o.optimizer == "rmsprop")
    return std::make_unique<optim::RMSprop>(parameters,
                                            optim::RMSpropOptions(*o.lr).momentum(o.momentum).weight_decay(o.weight_decay));
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
    : parameters_(network.parameters()), clip_grad_(options.clip_grad), optimizer_(make_optimizer(parameters_, options)) {
  if (options.schedule == "onecycle") {
    const int64_t total_steps = *options.epochs * steps_per_epoch;
    const bool has_momentum = options.momentum > 0 || options.optimizer.starts_with("adam");
    one_cycle_ = std::make_unique<optim::OneCycleLR>(
        *optimizer_, optim::OneCycleLROptions(*options.lr, std::max<int64_t>(2, total_steps)).cycle_momentum(has_momentum));
  } else if (options.schedule == "plateau") {
    plateau_ = std::make_unique<optim::ReduceLROnPlateau>(*optimizer_, optim::ReduceLROnPlateau::min, 0.1, kPlateauPatience);
  }
}

void Optimization::zero_grad() {
  optimizer_->zero_grad();
}

void Optimization::step() {
  if (clip_grad_ > 0) nn::utils::clip_grad_norm_(parameters_, clip_grad_);
  optimizer_->step();
  if (one_cycle_) one_cycle_->step();
}

void Optimization::end_epoch(double val_loss) {
  if (plateau_ && !std::isnan(val_loss)) plateau_->step(val_loss);
}

double Optimization::lr() const {
  return optimizer_->param_groups()[0].options().get_lr();
}

void Optimization::save(Checkpoint& checkpoint) const {
  const optim::OptimizerState state = optimizer_->state_dict();
  checkpoint.optimizer_tensors.assign(state.tensors.begin(), state.tensors.end());
  checkpoint.optimizer = to_json(state.numbers);
  if (one_cycle_) checkpoint.schedule = to_json(one_cycle_->state_dict());
  if (plateau_) checkpoint.schedule = to_json(plateau_->state_dict());
}

void Optimization::load(const Checkpoint& checkpoint, const std::string& file) {
  try {
    optim::OptimizerState state;
    state.tensors.insert(checkpoint.optimizer_tensors.begin(), checkpoint.optimizer_tensors.end());
    state.numbers = to_numbers(checkpoint.optimizer);
    optimizer_->load_state_dict(state);
    if (one_cycle_) one_cycle_->load_state_dict(to_numbers(checkpoint.schedule));
    if (plateau_) plateau_->load_state_dict(to_numbers(checkpoint.schedule));
  } catch (const ValueError& error) {
    throw FileError(fmt::format("{}: {}", file, error.what()));
  } catch (const nlohmann::json::exception& error) {
    throw FileError(fmt::format("{}: damaged optimizer state: {}", file, error.what()));
  }
}

}  // namespace tessera::tools
