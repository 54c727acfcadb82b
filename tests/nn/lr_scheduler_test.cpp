#include "nn/optim/lr_scheduler.h"

#include <gtest/gtest.h>

#include "core/ops/creation.h"
#include "nn/optim/adagrad.h"
#include "nn/optim/adam.h"
#include "nn/optim/sgd.h"
#include "tests/support/golden.h"

namespace tessera::optim {
namespace {

using nlohmann::json;
using testing_support::expect_close;
using testing_support::golden_files;
using testing_support::numbers;

SGD one_parameter(double lr) {
  return SGD({ones({1}).requires_grad_()}, SGDOptions(lr).momentum(0.9));
}

std::unique_ptr<LRScheduler> make_schedule(const std::string& name, Optimizer& optimizer, const json& a) {
  if (name == "StepLR") return std::make_unique<StepLR>(optimizer, a["step_size"], a["gamma"]);
  if (name == "MultiStepLR")
    return std::make_unique<MultiStepLR>(optimizer, a["milestones"].get<std::vector<int64_t>>(), a["gamma"]);
  if (name == "ExponentialLR") return std::make_unique<ExponentialLR>(optimizer, a["gamma"]);
  if (name == "CosineAnnealingLR") return std::make_unique<CosineAnnealingLR>(optimizer, a["T_max"], a["eta_min"]);
  if (name == "LinearLR") return std::make_unique<LinearLR>(optimizer, a["start_factor"], 1.0, a["total_iters"]);
  if (name == "PolynomialLR") return std::make_unique<PolynomialLR>(optimizer, a["total_iters"], a["power"]);
  if (name == "OneCycleLR")
    return std::make_unique<OneCycleLR>(optimizer, OneCycleLROptions(a["max_lr"], a["total_steps"]).pct_start(a["pct_start"]));
  return nullptr;
}

TEST(LRSchedulers, FollowPyTorch) {
  const auto files = golden_files("ops", "lr_");
  if (files.empty()) GTEST_SKIP() << "no reference cases in " << TESSERA_SHARED_DIR;
  for (const std::string& file : files) {
    const SafeTensors golden = load_safetensors(file);
    const json args = json::parse(golden.text("args"));
    const std::string name = golden.text("op");
    SGD optimizer = one_parameter(args["base_lr"]);
    std::vector<double> rates;
    const std::vector<double> metric = numbers(golden.at("metric"));
    if (name == "ReduceLROnPlateau") {
      using Plateau = ReduceLROnPlateau;
      Plateau schedule(optimizer, args["mode"] == "max" ? Plateau::max : Plateau::min, args["factor"], args["patience"],
                       args.value("threshold", 1e-4), args.value("threshold_mode", "rel") == "abs" ? Plateau::abs : Plateau::rel,
                       args.value("cooldown", 0), {args.value("min_lr", 0.0)});
      for (double m : metric) {
        rates.push_back(schedule.get_last_lr()[0]);
        schedule.step(m);
      }
    } else {
      const auto schedule = make_schedule(name, optimizer, args);
      ASSERT_NE(schedule, nullptr) << name;
      for (size_t k = 0; k < metric.size(); ++k) {
        rates.push_back(schedule->get_last_lr()[0]);
        schedule->step();
      }
    }
    expect_close(rates, numbers(golden.at("out")), 1e-12, file);
  }
}

TEST(LRSchedulers, AStoredStateContinuesBitForBit) {
  const auto make = [](Optimizer& optimizer) { return OneCycleLR(optimizer, OneCycleLROptions(0.3, 20).pct_start(0.4)); };
  SGD a = one_parameter(0.1), b = one_parameter(0.7);
  OneCycleLR first = make(a), second = make(b);
  for (int k = 0; k < 7; ++k) first.step();
  second.load_state_dict(first.state_dict());
  for (int k = 0; k < 20; ++k) {
    EXPECT_EQ(first.get_last_lr(), second.get_last_lr());
    EXPECT_EQ(a.param_groups()[0].options().get("momentum"), b.param_groups()[0].options().get("momentum"));
    first.step();
    second.step();
  }
  EXPECT_THROW(second.load_state_dict({{"t", 1}}), ValueError);
  EXPECT_THROW(second.load_state_dict({{"t", 1}, {"base_lr.1", 1}}), ValueError);

  SGD c = one_parameter(1), d = one_parameter(1);
  ReduceLROnPlateau third(c, ReduceLROnPlateau::min, 0.5, 1), fourth(d, ReduceLROnPlateau::min, 0.5, 1);
  const std::vector<double> losses = {5, 4, 4, 4, 4, 3, 3, 3, 3, 3};
  for (int k = 0; k < 3; ++k) third.step(losses[static_cast<size_t>(k)]);
  d.load_state_dict(c.state_dict());
  fourth.load_state_dict(third.state_dict());
  for (size_t k = 3; k < losses.size(); ++k) {
    third.step(losses[k]);
    fourth.step(losses[k]);
    EXPECT_EQ(third.get_last_lr(), fourth.get_last_lr());
  }
  EXPECT_LT(third.get_last_lr()[0], 1);
}

TEST(LRSchedulers, OneCycleMovesTheMomentumAgainstTheRate) {
  SGD sgd = one_parameter(0.1);
  const auto momentum = [&] { return sgd.param_groups()[0].options().get("momentum"); };
  OneCycleLR schedule(sgd, OneCycleLROptions(1.0, 10).pct_start(0.5));
  EXPECT_DOUBLE_EQ(momentum(), 0.95);
  EXPECT_NEAR(schedule.get_last_lr()[0], 0.04, 1e-15);
  for (int k = 0; k < 4; ++k) schedule.step();
  EXPECT_DOUBLE_EQ(momentum(), 0.85);
  EXPECT_DOUBLE_EQ(schedule.get_last_lr()[0], 1.0);
  for (int k = 0; k < 9; ++k) schedule.step();  // beyond the end nothing moves
  EXPECT_DOUBLE_EQ(momentum(), 0.95);
  EXPECT_NEAR(schedule.get_last_lr()[0], 4e-6, 1e-18);

  Adam adam({ones({1}).requires_grad_()});
  OneCycleLR with_betas(adam, 1.0, 10);
  EXPECT_DOUBLE_EQ(adam.param_groups()[0].options().get("beta1"), 0.95);
  OneCycleLR without(adam, OneCycleLROptions(1.0, 10).cycle_momentum(false));
  Adagrad adagrad({ones({1}).requires_grad_()});
  EXPECT_THROW(OneCycleLR(adagrad, 1.0, 10), ValueError);
}

TEST(LRSchedulers, OneCycleInThreeLinearPhases) {
  SGD sgd = one_parameter(0.1);
  OneCycleLR schedule(
      sgd,
      OneCycleLROptions(1.0, 10).pct_start(0.4).three_phase(true).anneal_strategy("linear").div_factor(4).final_div_factor(10));
  // up in 3 steps, down in 3, from 0.25 to 0.025 in 3
  const double expected[] = {0.25, 0.5, 0.75, 1, 0.75, 0.5, 0.25, 0.175, 0.1, 0.025, 0.025};
  for (const double rate : expected) {
    EXPECT_NEAR(schedule.get_last_lr()[0], rate, 1e-15);
    schedule.step();
  }
  EXPECT_DOUBLE_EQ(sgd.param_groups()[0].options().get("momentum"), 0.95);
  EXPECT_THROW(OneCycleLR(sgd, OneCycleLROptions(1.0, 10).anneal_strategy("cubic")), ValueError);
}

TEST(LRSchedulers, ANaNIsNoImprovement) {
  SGD optimizer = one_parameter(1);
  ReduceLROnPlateau schedule(optimizer, ReduceLROnPlateau::min, 0.5, 1);
  for (int k = 0; k < 2; ++k) schedule.step(std::nan(""));
  EXPECT_EQ(schedule.get_last_lr()[0], 0.5);
}

}  // namespace
}  // namespace tessera::optim
