#include <gtest/gtest.h>

#include "core/grad_mode.h"
#include "core/ops.h"
#include "nn/clip_grad.h"
#include "nn/optim/adagrad.h"
#include "nn/optim/adam.h"
#include "nn/optim/rmsprop.h"
#include "nn/optim/sgd.h"
#include "tests/support/golden.h"

namespace tessera::optim {
namespace {

using testing_support::expect_close;
using testing_support::golden_files;
using testing_support::numbers;

// An optimizer of the given PyTorch name with PyTorch's keyword arguments.
std::unique_ptr<Optimizer> make_optimizer(const std::string& name, const TensorList& params, const nlohmann::json& args) {
  const auto set = [&](OptimizerOptions& options) {
    for (const auto& [key, value] : args.items()) {
      if (key == "betas") {
        options.set("beta1", value[0]);
        options.set("beta2", value[1]);
      } else {
        options.set(key, value.is_boolean() ? static_cast<double>(value.get<bool>()) : value.get<double>());
      }
    }
  };
  const auto make = [&]<class O>(auto options) -> std::unique_ptr<Optimizer> {
    set(options);
    return std::make_unique<O>(params, options);
  };
  if (name == "SGD") return make.operator()<SGD>(SGDOptions(0.1));
  if (name == "RMSprop") return make.operator()<RMSprop>(RMSpropOptions());
  if (name == "Adam") return make.operator()<Adam>(AdamOptions());
  if (name == "AdamW") return make.operator()<AdamW>(AdamWOptions());
  if (name == "Adagrad") return make.operator()<Adagrad>(AdagradOptions());
  ADD_FAILURE() << "no optimizer " << name;
  return nullptr;
}

// The reference kernels go through strides, the fast ones do not: both must give PyTorch's numbers.
TEST(Optimizers, FollowPyTorch) {
  const auto files = golden_files("ops", "optim_");
  if (files.empty()) GTEST_SKIP() << "no reference cases in " << TESSERA_SHARED_DIR;
  for (const std::string& file : files) {
    const SafeTensors golden = load_safetensors(file);
    for (const ScalarType dtype : {kFloat64, kFloat32}) {
      for (const bool turned : {false, true}) {
        const Tensor start = golden.at("param").to(dtype);
        const Tensor param = (turned ? start.t().contiguous().t() : start.clone()).requires_grad_();
        const auto optimizer = make_optimizer(golden.text("op"), {param}, nlohmann::json::parse(golden.text("args")));
        for (int64_t k = 0; k < golden.at("grads").size(0); ++k) {
          param.mutable_grad() = golden.at("grads")[k].to(dtype);
          optimizer->step();
          expect_close(numbers(param), numbers(golden.at("out")[k]), dtype == kFloat64 ? 1e-12 : 2e-6,
                       fmt::format("{} step {} {}", file, k, dtype));
        }
      }
    }
  }
}

// A parameter long enough for threads and remainders, in a dense order, against the same numbers through the strided reference.
TEST(Optimizers, FastKernelsAgreeWithTheReference) {
  const std::vector<std::pair<std::string, nlohmann::json>> cases = {
      {"SGD", {{"lr", 0.1}, {"momentum", 0.9}, {"weight_decay", 0.01}, {"nesterov", true}}},
      {"RMSprop", {{"lr", 0.01}, {"momentum", 0.9}, {"centered", true}, {"weight_decay", 0.01}}},
      {"Adam", {{"lr", 0.01}, {"amsgrad", true}, {"weight_decay", 0.01}}},
      {"AdamW", {{"lr", 0.01}, {"weight_decay", 0.1}}},
      {"Adagrad", {{"lr", 0.1}, {"lr_decay", 0.1}, {"weight_decay", 0.01}}},
  };
  for (const auto& [name, args] : cases) {
    for (const int64_t n : {int64_t{0}, int64_t{1}, int64_t{3}, int64_t{7}, int64_t{16}, int64_t{33}, int64_t{40001}}) {
      manual_seed(1);
      const Tensor start = randn({n}, kFloat64);
      const Tensor fast = start.clone().requires_grad_();
      const Tensor apart = zeros({n, 2}, kFloat64).select(1, 0);  // every second number in memory
      apart.copy_(start);
      const Tensor slow = apart.detach().requires_grad_();
      const auto a = make_optimizer(name, {fast}, args), b = make_optimizer(name, {slow}, args);
      for (int k = 0; k < 4; ++k) {
        fast.mutable_grad() = randn({n}, kFloat64);
        slow.mutable_grad() = fast.grad().clone();
        a->step();
        b->step();
      }
      expect_close(numbers(fast), numbers(slow), 1e-13, fmt::format("{} {}", name, n));
    }
  }
}

TEST(Optimizers, TheGradientIsReadOnlyAndAbsentOnesAreSkipped) {
  const Tensor a = ones({3}).requires_grad_(), b = ones({3}).requires_grad_();
  SGD optimizer({a, b}, SGDOptions(0.5).momentum(0.9).weight_decay(0.1));
  a.mutable_grad() = full({3}, 2.0);
  const uint64_t version = a._version();
  optimizer.step();
  EXPECT_EQ(numbers(a.grad()), std::vector<double>(3, 2.0));
  EXPECT_EQ(numbers(b), std::vector<double>(3, 1.0));
  EXPECT_GT(a._version(), version);  // a graph that saved the old weights refuses to run backward
  optimizer.zero_grad();
  EXPECT_FALSE(a.grad().defined());
  a.mutable_grad() = full({3}, 2.0);
  optimizer.zero_grad(/*set_to_none=*/false);
  EXPECT_EQ(numbers(a.grad()), std::vector<double>(3, 0.0));
}

TEST(Optimizers, ClosureRunsWithGradientsOnAndItsLossComesBack) {
  const Tensor x = full({1}, 3.0).requires_grad_();
  SGD optimizer({x}, 0.25);
  const NoGradGuard no_grad;
  const Tensor loss = optimizer.step([&] {
    optimizer.zero_grad();
    Tensor value = mul(x, x).sum();
    value.backward();
    return value;
  });
  EXPECT_EQ(loss.item<double>(), 9);
  EXPECT_EQ(x.item<double>(), 1.5);
}

TEST(Optimizers, GroupsHaveTheirOwnOptions) {
  const Tensor a = ones({1}).requires_grad_(), b = ones({1}).requires_grad_();
  std::vector<OptimizerParamGroup> groups;
  groups.emplace_back(TensorList{a});
  groups.emplace_back(TensorList{b}, std::make_unique<SGDOptions>(0.5));
  SGD optimizer(std::move(groups), SGDOptions(0.25));
  a.mutable_grad() = ones({1});
  b.mutable_grad() = ones({1});
  optimizer.step();
  EXPECT_EQ(a.item<double>(), 0.75);
  EXPECT_EQ(b.item<double>(), 0.5);
  static_cast<SGDOptions&>(optimizer.param_groups()[0].options()).lr(1);
  optimizer.step();
  EXPECT_EQ(a.item<double>(), -0.25);
}

TEST(Optimizers, BadArgumentsAreRefused) {
  const Tensor x = ones({2}).requires_grad_();
  EXPECT_THROW(SGD({x}, SGDOptions(-1)), ValueError);
  EXPECT_THROW(SGD({x}, SGDOptions(0.1).nesterov(true)), ValueError);
  EXPECT_THROW(Adam({x}, AdamOptions().betas({1.0, 0.9})), ValueError);
  EXPECT_THROW(Adam({x}, AdamOptions(std::nan(""))), ValueError);
  EXPECT_THROW(SGD({x, x}, SGDOptions(0.1)), ValueError);
  EXPECT_THROW(SGD({mul(x, x)}, SGDOptions(0.1)), ValueError);
  EXPECT_THROW(SGD({arange(3)}, SGDOptions(0.1)), ValueError);
  SGD sgd({x}, 0.1);
  EXPECT_THROW(sgd.add_param_group(OptimizerParamGroup({ones({1})}, std::make_unique<AdamOptions>())), ValueError);
}

TEST(Optimizers, AStoredStateContinuesBitForBit) {
  for (const std::string name : {"SGD", "RMSprop", "Adam", "AdamW", "Adagrad"}) {
    nlohmann::json args = {{"lr", 0.1}};
    if (name == "SGD") args["momentum"] = 0.9;
    if (name == "RMSprop") args["centered"] = true;
    if (name == "Adam") args["amsgrad"] = true;
    manual_seed(2);
    const Tensor first = randn({5, 3}).requires_grad_();
    const auto a = make_optimizer(name, {first}, args);
    const auto train = [](Optimizer& optimizer, const Tensor& x, int begin, int end) {
      for (int k = begin; k < end; ++k) {
        manual_seed(static_cast<uint64_t>(100 + k));
        x.mutable_grad() = randn({5, 3});
        optimizer.step();
      }
    };
    train(*a, first, 0, 3);
    const OptimizerState state = a->state_dict();
    const Tensor second = first.detach().clone().requires_grad_();
    args["lr"] = 0.7;  // comes back with the state
    const auto b = make_optimizer(name, {second}, args);
    b->load_state_dict(state);
    train(*a, first, 3, 6);
    train(*b, second, 3, 6);
    EXPECT_EQ(numbers(first), numbers(second)) << name;

    OptimizerState bad = state;
    bad.tensors["7.exp_avg"] = ones({1});
    EXPECT_THROW(b->load_state_dict(bad), ValueError);
    bad = state;
    bad.numbers["group.0.nothing"] = 1;
    EXPECT_THROW(b->load_state_dict(bad), ValueError);
    bad = state;
    if (!bad.tensors.empty()) bad.tensors.begin()->second = ones({1});
    EXPECT_THROW(b->load_state_dict(bad), ValueError) << name;
    EXPECT_EQ(b->state_dict().numbers, a->state_dict().numbers);
  }
}

TEST(ClipGrad, NormOverAllGradients) {
  const Tensor a = ones({2}).requires_grad_(), b = ones({1}).requires_grad_(), c = ones({1}).requires_grad_();
  const auto set = [&](double last) {
    a.mutable_grad() = tensor({2.0, -3.0});
    b.mutable_grad() = full({1}, last);
  };
  set(6);
  EXPECT_NEAR(nn::utils::clip_grad_norm_({a, b, c}, 3.5), 7, 1e-6);
  expect_close(numbers(a.grad()), {1, -1.5}, 1e-6, "scaled by a half");
  set(6);
  EXPECT_NEAR(nn::utils::clip_grad_norm_({a, b, c}, 8), 7, 1e-6);
  EXPECT_EQ(numbers(a.grad()), (std::vector<double>{2, -3}));
  EXPECT_NEAR(nn::utils::clip_grad_norm_({a, b}, 100, 1), 11, 1e-6);
  EXPECT_NEAR(nn::utils::clip_grad_norm_({a, b}, 100, 3), std::cbrt(8 + 27 + 216), 1e-6);
  EXPECT_EQ(nn::utils::clip_grad_norm_({a, b}, 100, std::numeric_limits<double>::infinity()), 6);
  set(std::numeric_limits<double>::quiet_NaN());
  EXPECT_THROW(nn::utils::clip_grad_norm_({a, b}, 1, 2, /*error_if_nonfinite=*/true), ValueError);
  EXPECT_TRUE(std::isnan(nn::utils::clip_grad_norm_({a, b}, 1)));
  EXPECT_EQ(nn::utils::clip_grad_norm_({}, 1), 0);
}

TEST(ClipGrad, Value) {
  const Tensor a = ones({3}).requires_grad_();
  a.mutable_grad() = tensor({2.0, -3.0, 0.5});
  nn::utils::clip_grad_value_({a}, 1);
  EXPECT_EQ(numbers(a.grad()), (std::vector<double>{1, -1, 0.5}));
}

TEST(Optimizers, TheStateFollowsAParameterThatIsConverted) {
  const Tensor w = ones({100}).requires_grad_();
  Adam adam({w}, AdamOptions(0.1));
  w.mutable_grad() = ones({100});
  adam.step();
  w.set_data(w.detach().to(kFloat64));
  w.mutable_grad() = ones({100}, kFloat64);
  adam.step();
  for (double value : numbers(w)) ASSERT_NEAR(value, 0.8, 1e-6);
}

}  // namespace
}  // namespace tessera::optim
