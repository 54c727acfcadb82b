// Checks of whole networks: their derivative along one direction, and whether a few steps of training help.
#pragma once

#include <gtest/gtest.h>

#include "core/ops.h"
#include "nn/containers.h"
#include "nn/optim/adam.h"
#include "tests/support/inputs.h"
#include "tests/support/numbers.h"

namespace tessera::testing_support {

// loss = g . network(input) for a fixed random g. Its derivative along one random direction in the space of all parameters, taken
// from backward, agrees with the central difference: all gradients checked in two passes.
inline void check_directional_derivative(const nn::AnyModule& network, const Tensor& input) {
  nn::Module& module = *network.ptr();
  module.to(kFloat64);
  const auto loss = [&] {
    const Tensor out = network.forward(input);
    return sum(mul(out, hashed(out.sizes(), 77).detach()));
  };
  module.zero_grad();
  loss().backward();
  TensorList directions;
  double expected = 0, squares = 0;
  const NoGradGuard no_grad;
  const auto parameters = module.named_parameters();
  for (const auto& parameter : parameters) {
    directions.push_back(hashed(parameter->sizes(), static_cast<uint32_t>(directions.size())).detach());
    if (!parameter->grad().defined()) continue;
    const std::vector<double> g = numbers(parameter->grad()), d = numbers(directions.back());
    for (size_t i = 0; i < g.size(); ++i) expected += g[i] * d[i], squares += g[i] * d[i] * g[i] * d[i];
  }
  constexpr double kStep = 1e-8;  // small: each ReLU that it switches is an error
  const auto move = [&](double distance) {
    size_t j = 0;
    for (const auto& parameter : parameters) parameter->add_(mul(directions[j++], distance));
  };
  move(kStep);
  const double above = loss().item<double>();
  move(-2 * kStep);
  const double below = loss().item<double>();
  move(kStep);
  const double scale = std::sqrt(squares);  // what `expected` is like for gradients of any sign
  ASSERT_GT(scale, 0);
  EXPECT_LE(std::abs((above - below) / (2 * kStep) - expected), 1e-6 * scale) << expected << ", scale " << scale;
}

// Thirty steps on four images whose pixels belong to class 1 where the first channel is positive: the loss falls to less than
// `share` of the first.
inline void check_training_helps(const nn::AnyModule& network, int64_t size, double share) {
  const Tensor images = hashed({4, 3, size, size}, 5).detach().to(kFloat32);
  const Tensor target = gt(images.select(1, 0), 0).to(kInt64);
  optim::Adam optimizer(network.ptr()->parameters(), optim::AdamOptions(0.01));
  double first = 0, last = 0;
  for (int step = 0; step < 30; ++step) {
    optimizer.zero_grad();
    const Tensor loss = cross_entropy(network.forward(images), target);
    loss.backward();
    optimizer.step();
    last = loss.item<double>();
    if (step == 0) first = last;
  }
  EXPECT_LE(last, share * first) << first << " -> " << last;
}

}  // namespace tessera::testing_support
