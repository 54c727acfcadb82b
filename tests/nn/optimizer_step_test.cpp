// What all optimizers share: one call for many parameters, steps that are skipped, clipping without reading the norm.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/ops.h"
#include "nn/clip_grad.h"
#include "nn/optim/adagrad.h"
#include "nn/optim/adam.h"
#include "nn/optim/rmsprop.h"
#include "nn/optim/sgd.h"
#include "tests/support/numbers.h"

namespace tessera::optim {
namespace {

using testing_support::difference;

using Make = std::function<std::unique_ptr<Optimizer>(const TensorList&)>;

const std::vector<Make>& makers() {
  static const std::vector<Make> all = {
      [](const TensorList& p) { return std::make_unique<SGD>(p, SGDOptions(0.1).momentum(0.9)); },
      [](const TensorList& p) { return std::make_unique<RMSprop>(p, RMSpropOptions(0.1).momentum(0.5).centered(true)); },
      [](const TensorList& p) { return std::make_unique<Adam>(p, AdamOptions(0.1).amsgrad(true)); },
      [](const TensorList& p) { return std::make_unique<AdamW>(p, AdamWOptions(0.1)); },
      [](const TensorList& p) { return std::make_unique<Adagrad>(p, AdagradOptions(0.1)); }};
  return all;
}

// Parameters of several shapes, dtypes and memory orders, with gradients.
TensorList parameters() {
  manual_seed(1);
  TensorList result;
  for (const ScalarType type : {kFloat32, kFloat64, kBFloat16})
    for (const auto& sizes : std::vector<std::vector<int64_t>>{{17}, {2, 3, 3, 3}, {4, 5}}) {
      Tensor x = randn(sizes).to(type), g = randn(sizes).to(type);
      if (sizes.size() == 4) x = x.contiguous(kChannelsLast);  // its gradient is not
      if (sizes.size() == 2) x = x.t().contiguous().t();
      result.push_back(x.detach().requires_grad_());
      result.back().mutable_grad() = g;
    }
  return result;
}

TEST(OptimizerStep, ManyParametersGiveTheBitsOfEachAlone) {
  for (const Make& make : makers()) {
    const TensorList together = parameters(), alone = parameters();
    const auto one = make(together);
    std::vector<std::unique_ptr<Optimizer>> many;
    for (const Tensor& parameter : alone) many.push_back(make({parameter}));
    for (int step = 0; step < 3; ++step) {
      if (step == 1) together[0].mutable_grad() = alone[0].mutable_grad() = Tensor();  // it falls behind by one step
      if (step == 2) together[0].mutable_grad() = alone[0].mutable_grad() = ones({17});
      one->step();
      for (const auto& optimizer : many) optimizer->step();
    }
    for (size_t i = 0; i < together.size(); ++i) EXPECT_EQ(difference(together[i], alone[i]), 0) << i;
  }
}

TEST(OptimizerStep, ASkippedStepChangesNothing) {
  for (const Make& make : makers()) {
    const TensorList all = parameters();
    const auto optimizer = make(all);
    const Tensor flag = zeros({1}, kBool);
    optimizer->skip_where(flag);
    optimizer->step();
    TensorList before;
    for (const Tensor& parameter : all) before.push_back(parameter.detach().clone());
    flag.fill_(1);
    optimizer->step();
    for (size_t i = 0; i < all.size(); ++i) EXPECT_EQ(difference(all[i], before[i]), 0) << i;
    optimizer->skip_where({});
    optimizer->step();
    EXPECT_GT(difference(all[0], before[0]), 0);
    optimizer->advance();  // nothing was captured
  }
}

TEST(ClipGrad, TheTwoHalvesGiveTheWhole) {
  for (const double norm_type : {1.0, 2.0, 3.0, std::numeric_limits<double>::infinity()}) {
    const TensorList all = parameters(), halves = parameters();
    TensorList grads;
    for (const Tensor& parameter : halves) grads.push_back(parameter.grad());
    const double norm = nn::utils::clip_grad_norm_(all, 0.5, norm_type);
    const Tensor total = nn::utils::get_total_norm(grads, norm_type);
    EXPECT_LE(std::abs(total.item<double>() - norm), 1e-2 * norm);  // the norms of bfloat16 gradients are bfloat16
    nn::utils::clip_grads_with_norm_(halves, 0.5, total);
    for (size_t i = 0; i < all.size(); ++i) EXPECT_LE(difference(all[i].grad(), halves[i].grad()), 1e-2) << i;
  }
  const Tensor parameter = zeros({2}).requires_grad_();
  parameter.mutable_grad() = full({2}, 0.25);
  nn::utils::clip_grads_with_norm_({parameter}, 1, nn::utils::get_total_norm({parameter.grad()}));
  testing_support::expect_near(parameter.grad(), {0.25, 0.25}, 0);  // short gradients stay
  parameter.grad().fill_(NAN);
  EXPECT_TRUE(std::isnan(nn::utils::get_total_norm({parameter.grad()}).item<double>()));
}

}  // namespace
}  // namespace tessera::optim
