#include "nn/optim/lr_scheduler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace tessera::optim {
namespace {

std::vector<double> rates(const Optimizer& optimizer) {
  std::vector<double> result;
  for (const OptimizerParamGroup& group : optimizer.param_groups()) result.push_back(group.options().get_lr());
  return result;
}

double find(const std::map<std::string, double>& state, const std::string& name) {
  const auto it = state.find(name);
  check<ValueError>(it != state.end(), "load_state_dict: the schedule's state lacks \"{}\"", name);
  return it->second;
}

double half_cosine(double from, double to, double share) {
  return to + (from - to) / 2 * (1 + std::cos(std::numbers::pi * share));
}

}  // namespace

LRScheduler::LRScheduler(Optimizer& optimizer) : optimizer_(optimizer), base_lrs_(rates(optimizer)) {}

void LRScheduler::step() {
  ++t_;
  apply();
}

void LRScheduler::apply() {
  auto& groups = optimizer_.param_groups();
  check<ValueError>(groups.size() == base_lrs_.size(), "schedule: {} parameter groups, but {} when it was made", groups.size(),
                    base_lrs_.size());
  for (size_t g = 0; g < groups.size(); ++g) groups[g].options().set_lr(rate(base_lrs_[g], t_));
}

std::vector<double> LRScheduler::get_last_lr() const {
  return rates(optimizer_);
}

std::map<std::string, double> LRScheduler::state_dict() const {
  std::map<std::string, double> state{{"t", static_cast<double>(t_)}};
  for (size_t g = 0; g < base_lrs_.size(); ++g) state[fmt::format("base_lr.{}", g)] = base_lrs_[g];
  return state;
}

void LRScheduler::load_state_dict(const std::map<std::string, double>& state) {
  check<ValueError>(state.size() == base_lrs_.size() + 1, "load_state_dict: {} numbers where the schedule has {}", state.size(),
                    base_lrs_.size() + 1);
  const double t = find(state, "t");
  std::vector<double> base_lrs;
  for (size_t g = 0; g < base_lrs_.size(); ++g) base_lrs.push_back(find(state, fmt::format("base_lr.{}", g)));
  check<ValueError>(t >= 0, "load_state_dict: {} steps", t);
  t_ = static_cast<int64_t>(t);
  base_lrs_ = std::move(base_lrs);
  apply();
}

StepLR::StepLR(Optimizer& optimizer, int64_t step_size, double gamma)
    : LRScheduler(optimizer), step_size_(step_size), gamma_(gamma) {
  check<ValueError>(step_size > 0, "StepLR: the step size {} is not positive", step_size);
  apply();
}
double StepLR::rate(double base_lr, int64_t t) const {
  return base_lr * std::pow(gamma_, t / step_size_);
}

MultiStepLR::MultiStepLR(Optimizer& optimizer, std::vector<int64_t> milestones, double gamma)
    : LRScheduler(optimizer), milestones_(std::move(milestones)), gamma_(gamma) {
  apply();
}
double MultiStepLR::rate(double base_lr, int64_t t) const {
  const auto passed = std::count_if(milestones_.begin(), milestones_.end(), [t](int64_t m) { return m <= t; });
  return base_lr * std::pow(gamma_, passed);
}

ExponentialLR::ExponentialLR(Optimizer& optimizer, double gamma) : LRScheduler(optimizer), gamma_(gamma) {
  apply();
}
double ExponentialLR::rate(double base_lr, int64_t t) const {
  return base_lr * std::pow(gamma_, t);
}

CosineAnnealingLR::CosineAnnealingLR(Optimizer& optimizer, int64_t T_max, double eta_min)
    : LRScheduler(optimizer), T_max_(T_max), eta_min_(eta_min) {
  check<ValueError>(T_max > 0, "CosineAnnealingLR: T_max {} is not positive", T_max);
  apply();
}
double CosineAnnealingLR::rate(double base_lr, int64_t t) const {
  return half_cosine(base_lr, eta_min_, static_cast<double>(t) / static_cast<double>(T_max_));
}

LinearLR::LinearLR(Optimizer& optimizer, double start_factor, double end_factor, int64_t total_iters)
    : LRScheduler(optimizer), start_factor_(start_factor), end_factor_(end_factor), total_iters_(total_iters) {
  check<ValueError>(start_factor > 0 && start_factor <= 1 && end_factor >= 0 && end_factor <= 1 && total_iters > 0,
                    "LinearLR: factors from {} to {} in {} steps", start_factor, end_factor, total_iters);
  apply();
}
double LinearLR::rate(double base_lr, int64_t t) const {
  const double share = static_cast<double>(std::min(t, total_iters_)) / static_cast<double>(total_iters_);
  return base_lr * (start_factor_ + (end_factor_ - start_factor_) * share);
}

PolynomialLR::PolynomialLR(Optimizer& optimizer, int64_t total_iters, double power)
    : LRScheduler(optimizer), total_iters_(total_iters), power_(power) {
  check<ValueError>(total_iters > 0, "PolynomialLR: {} steps", total_iters);
  apply();
}
double PolynomialLR::rate(double base_lr, int64_t t) const {
  return base_lr * std::pow(1 - static_cast<double>(std::min(t, total_iters_)) / static_cast<double>(total_iters_), power_);
}

OneCycleLR::OneCycleLR(Optimizer& optimizer, const OneCycleLROptions& options) : LRScheduler(optimizer), options_(options) {
  check<ValueError>(options.total_steps() > 0 && options.pct_start() >= 0 && options.pct_start() <= 1,
                    "OneCycleLR: {} steps with a share of {} rising", options.total_steps(), options.pct_start());
  check<ValueError>(options.div_factor() > 0 && options.final_div_factor() > 0, "OneCycleLR: div_factor {}, final_div_factor {}",
                    options.div_factor(), options.final_div_factor());
  check<ValueError>(options.anneal_strategy() == "cos" || options.anneal_strategy() == "linear",
                    "OneCycleLR: the strategy \"{}\" is neither cos nor linear", options.anneal_strategy());
  check<ValueError>(!options.three_phase() || options.pct_start() <= 0.5, "OneCycleLR: three phases with a share of {} rising",
                    options.pct_start());
  for (const OptimizerParamGroup& group : optimizer.param_groups())
    check<ValueError>(!options.cycle_momentum() || group.options().has("momentum") || group.options().has("beta1"),
                      "OneCycleLR: the optimizer has no momentum to cycle. Use cycle_momentum(false).");
  apply();
}

double OneCycleLR::cycle(double low, double high, double end, int64_t t) const {
  const double steps = static_cast<double>(options_.total_steps()), last = steps - 1;
  const double peak = options_.pct_start() * steps - 1, valley = 2 * options_.pct_start() * steps - 2;
  const double now = std::min(static_cast<double>(t), last);
  const auto between = [&](double from, double to, double start, double stop) {
    const double share = stop > start ? (now - start) / (stop - start) : 1;
    return options_.anneal_strategy() == "cos" ? half_cosine(from, to, share) : from + (to - from) * share;
  };
  if (now <= peak) return between(low, high, 0, peak);
  if (!options_.three_phase()) return between(high, end, peak, last);
  return now <= valley ? between(high, low, peak, valley) : between(low, end, valley, last);
}

double OneCycleLR::rate(double, int64_t t) const {
  const double start = options_.max_lr() / options_.div_factor();
  return cycle(start, options_.max_lr(), start / options_.final_div_factor(), t);
}

void OneCycleLR::apply() {
  LRScheduler::apply();
  if (!options_.cycle_momentum()) return;
  const double momentum = cycle(options_.max_momentum(), options_.base_momentum(), options_.max_momentum(), t_);
  for (OptimizerParamGroup& group : optimizer_.param_groups())
    group.options().set(group.options().has("beta1") ? "beta1" : "momentum", momentum);
}

ReduceLROnPlateau::ReduceLROnPlateau(Optimizer& optimizer, SchedulerMode mode, double factor, int64_t patience, double threshold,
                                     ThresholdMode threshold_mode, int64_t cooldown, const std::vector<double>& min_lr,
                                     double eps)
    : optimizer_(optimizer),
      mode_(mode),
      threshold_mode_(threshold_mode),
      factor_(factor),
      threshold_(threshold),
      eps_(eps),
      patience_(patience),
      cooldown_(cooldown),
      min_lrs_(min_lr),
      best_(mode == min ? std::numeric_limits<double>::infinity() : -std::numeric_limits<double>::infinity()) {
  check<ValueError>(factor < 1, "ReduceLROnPlateau: the factor {} is not below 1", factor);
  const size_t groups = optimizer.param_groups().size();
  if (min_lrs_.size() <= 1) min_lrs_.assign(groups, min_lr.empty() ? 0 : min_lr[0]);
  check<ValueError>(min_lrs_.size() == groups, "ReduceLROnPlateau: {} least rates for {} groups", min_lrs_.size(), groups);
}

bool ReduceLROnPlateau::is_better(double metric) const {
  const double sign = mode_ == min ? -1 : 1;
  if (std::isinf(best_)) return sign * metric > sign * best_;
  const double bound = threshold_mode_ == rel ? best_ * (1 + sign * threshold_) : best_ + sign * threshold_;
  return sign * metric > sign * bound;
}

void ReduceLROnPlateau::step(double metric) {
  if (is_better(metric)) {
    best_ = metric;
    num_bad_epochs_ = 0;
  } else {
    ++num_bad_epochs_;
  }
  if (cooldown_counter_ > 0) {
    --cooldown_counter_;
    num_bad_epochs_ = 0;
  }
  if (num_bad_epochs_ <= patience_) return;
  cooldown_counter_ = cooldown_;
  num_bad_epochs_ = 0;
  auto& groups = optimizer_.param_groups();
  for (size_t g = 0; g < groups.size(); ++g) {
    const double old = groups[g].options().get_lr(), reduced = std::max(old * factor_, min_lrs_.at(g));
    if (old - reduced > eps_) groups[g].options().set_lr(reduced);
  }
}

std::vector<double> ReduceLROnPlateau::get_last_lr() const {
  return rates(optimizer_);
}

std::map<std::string, double> ReduceLROnPlateau::state_dict() const {
  return {{"best", best_},
          {"num_bad_epochs", static_cast<double>(num_bad_epochs_)},
          {"cooldown_counter", static_cast<double>(cooldown_counter_)}};
}

void ReduceLROnPlateau::load_state_dict(const std::map<std::string, double>& state) {
  const double best = find(state, "best"), bad = find(state, "num_bad_epochs"), cooldown = find(state, "cooldown_counter");
  best_ = best;
  num_bad_epochs_ = static_cast<int64_t>(bad);
  cooldown_counter_ = static_cast<int64_t>(cooldown);
}

}  // namespace tessera::optim
