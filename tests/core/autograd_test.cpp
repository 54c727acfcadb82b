#include "core/autograd.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/function.h"
#include "core/gradcheck.h"
#include "core/ops.h"
#include "tests/support/message_of.h"

namespace tessera {
namespace {

using testing_support::message_of;

TEST(Autograd, GradientsOfSeveralPathsAdd) {
  Tensor x = tensor({1.0, 2.0, 3.0}, requires_grad());
  const Tensor y = add(mul(x, x), x);  // 2x + 1
  y.backward(ones_like(y));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(x.grad()[i].item<float>(), 2.0f * (i + 1) + 1);
  add(x, x).backward(ones_like(x));  // a second pass adds to .grad
  EXPECT_EQ(x.grad()[0].item<float>(), 5.0f);
}

TEST(Autograd, BroadcastingIsUndoneByTheEngine) {
  const Tensor a = rand({2, 3}, kFloat64).requires_grad_(), b = rand({3}, kFloat64).requires_grad_(),
               c = rand({}, kFloat64).requires_grad_();
  gradcheck([](const TensorList& x) { return mul(mul(x[0], x[1]), x[2]); }, {a, b, c});
  gradgradcheck([](const TensorList& x) { return mul(mul(x[0], x[1]), x[2]); }, {a, b, c});
}

TEST(Autograd, GradientsComeInTheDtypeOfTheInput) {
  Tensor x = rand({2}, kFloat32).requires_grad_(), y = rand({2}, kFloat64).requires_grad_();
  const Tensor z = mul(x, y);
  EXPECT_EQ(z.dtype(), kFloat64);
  z.backward(ones_like(z));
  EXPECT_EQ(x.grad().dtype(), kFloat32);
  EXPECT_EQ(y.grad().dtype(), kFloat64);
}

TEST(Autograd, ASecondPassNeedsRetainGraph) {
  Tensor x = rand({2}).requires_grad_();
  const Tensor y = sum(mul(x, x));
  y.backward({}, /*retain_graph=*/true);
  y.backward();
  const std::string message = message_of<AutogradError>([&] { y.backward(); });
  EXPECT_NE(message.find("retain_graph"), std::string::npos) << message;
}

TEST(Autograd, AWriteToASavedTensorIsRefused) {
  const Tensor leaf = rand({2}).requires_grad_();
  const Tensor x = mul(leaf, leaf), y = mul(x, x);
  {
    NoGradGuard no_grad;
    x.add_(x);
  }
  const std::string message = message_of<AutogradError>([&] { sum(y).backward(); });
  EXPECT_NE(message.find("mul"), std::string::npos) << message;
  EXPECT_NE(message.find("version"), std::string::npos) << message;
}

TEST(Autograd, InPlaceRules) {
  const Tensor leaf = tensor({1.0, 2.0}, requires_grad());
  EXPECT_THROW(leaf.add_(ones({2})), AutogradError);
  EXPECT_THROW(leaf[0].fill_(1), AutogradError);  // a view of a graph tensor
  const Tensor y = mul(leaf, leaf);
  y.add_(leaf);  // a non-leaf: y = x^2 + x
  sum(y).backward();
  EXPECT_EQ(leaf.grad()[1].item<float>(), 5.0f);
  {
    NoGradGuard no_grad;
    leaf.fill_(3);
  }
  EXPECT_EQ(leaf[0].item<float>(), 3.0f);
  const Tensor fresh = zeros({2});
  fresh.copy_(leaf);  // a plain tensor becomes part of the graph
  EXPECT_TRUE(fresh.requires_grad());
}

TEST(Autograd, SecondDerivativeOfACube) {
  const Tensor x = tensor({2.0, -1.0}, dtype(kFloat64).requires_grad(true));
  const Tensor y = mul(mul(x, x), x);
  const Tensor g = autograd::grad({sum(y)}, {x}, {}, {}, /*create_graph=*/true)[0];
  EXPECT_EQ(g[0].item<double>(), 12.0);
  const Tensor h = autograd::grad({sum(g)}, {x})[0];
  EXPECT_EQ(h[0].item<double>(), 12.0);
  EXPECT_EQ(h[1].item<double>(), -6.0);
}

TEST(Autograd, GradTouchesNoLeafAndNamesUnusedInputs) {
  const Tensor x = rand({2}).requires_grad_(), unused = rand({2}).requires_grad_();
  const Tensor y = sum(mul(x, x));
  EXPECT_THROW(autograd::grad({y}, {x, unused}, {}, true), AutogradError);
  const variable_list g = autograd::grad({y}, {x, unused}, {}, true, false, /*allow_unused=*/true);
  EXPECT_TRUE(g[0].defined());
  EXPECT_FALSE(g[1].defined());
  EXPECT_FALSE(x.grad().defined());
}

TEST(Autograd, BackwardWithInputsReachesOnlyThose) {
  const Tensor x = rand({2}).requires_grad_(), y = rand({2}).requires_grad_();
  sum(mul(x, y)).backward({}, {}, false, {x});
  EXPECT_TRUE(x.grad().defined());
  EXPECT_FALSE(y.grad().defined());
}

TEST(Autograd, GradientOfANonLeafByRetainGradAndHooks) {
  const Tensor x = tensor({1.0, 2.0}, requires_grad());
  const Tensor y = mul(x, x);
  y.retain_grad();
  const unsigned handle = x.register_hook([](const Tensor& g) { return mul(g, full({}, 10.0)); });
  sum(mul(y, y)).backward({}, true);
  EXPECT_EQ(y.grad()[1].item<float>(), 8.0f);
  EXPECT_EQ(x.grad()[1].item<float>(), 320.0f);
  x.remove_hook(handle);
  x.mutable_grad() = Tensor();
  sum(y).backward({}, true);
  EXPECT_EQ(x.grad()[1].item<float>(), 4.0f);
}

TEST(Autograd, NoGradGuardRecordsNothing) {
  const Tensor x = rand({2}).requires_grad_();
  NoGradGuard no_grad;
  EXPECT_FALSE(mul(x, x).requires_grad());
}

TEST(Autograd, AMillionNodesDoNotOverflowTheStack) {
  const Tensor x = ones({1}).requires_grad_();
  Tensor y = x;
  for (int i = 0; i < 1'000'000; ++i) y = view(y, {1});
  y.backward();
  EXPECT_EQ(x.grad().item<float>(), 1.0f);
  Tensor dropped = x;
  for (int i = 0; i < 300'000; ++i) dropped = mul(dropped, x);  // saving nodes, freed without a backward pass
  dropped = Tensor();
}

TEST(Autograd, GraphIsFreedWithItsOutputs) {
  std::weak_ptr<Storage> watched;
  {
    const Tensor x = rand({4}).requires_grad_();
    const Tensor y = mul(x, x), z = sum(mul(y, y));
    watched = y.storage();
    z.backward();
  }
  EXPECT_TRUE(watched.expired());
}

TEST(Autograd, BackwardFromWhatHasNoGraph) {
  EXPECT_THROW(ones({1}).backward(), AutogradError);
  EXPECT_THROW(mul(ones({2}).requires_grad_(), ones({2})).backward(), ShapeError);
}

TEST(Autograd, AnomalyModeNamesOpAndLayer) {
  autograd::set_detect_anomaly(true);
  const Tensor x = tensor({1e30, 1.0}, requires_grad());
  const std::string message = message_of<AutogradError>([&] {
    const autograd::LayerScope outer("conv1"), inner("0");
    mul(x, x);
  });
  autograd::set_detect_anomaly(false);
  EXPECT_EQ(message.find("mul: the forward result of shape [2]"), 0u) << message;
  EXPECT_NE(message.find("layer conv1.0"), std::string::npos) << message;
}

TEST(Autograd, AnomalyInBackwardNamesTheLayerThatRecordedTheOp) {
  autograd::set_detect_anomaly(true);
  const Tensor x = tensor({0.0, 1.0}, requires_grad());
  const Tensor y = [&] {
    const autograd::LayerScope named("root");
    return sqrt(x);
  }();
  const std::string message = message_of<AutogradError>([&] { y.backward(ones({2})); });
  autograd::set_detect_anomaly(false);
  EXPECT_NE(message.find("in layer root"), std::string::npos) << message;
}

struct Cube : autograd::Function<Cube> {
  static const char* name() { return "Cube"; }
  static Tensor forward(autograd::AutogradContext* ctx, const Tensor& x, double scale) {
    ctx->save_for_backward({x});
    ctx->saved_data["scale"] = scale;
    return mul(mul(mul(x, x), x), full({}, scale, x.options()));
  }
  static variable_list backward(autograd::AutogradContext* ctx, const variable_list& grads) {
    const Tensor x = ctx->get_saved_variables()[0];
    return {mul(mul(grads[0], mul(x, x)), full({}, 3 * ctx->saved_data["scale"].to<double>(), x.options())), Tensor()};
  }
};

TEST(Function, AnOpOfOnesOwnIsCheckedAndDifferentiatedTwice) {
  const Tensor x = rand({3}, kFloat64).requires_grad_();
  const auto cube = [](const TensorList& in) { return Cube::apply(in[0], 2.0); };
  gradcheck(cube, {x});
  gradgradcheck(cube, {x});
  EXPECT_EQ(cube({x}).grad_fn()->name(), "Cube");
}

TEST(Gradcheck, AWrongGradientIsSeen) {
  const Tensor x = rand({3}, kFloat64).requires_grad_();
  const auto wrong = [](const TensorList& in) {
    return autograd::record("wrong", {in[0]}, mul(in[0], in[0]).detach(), {in[0]},
                            [](const auto& ctx) -> variable_list { return {mul(ctx.grad(), ctx.saved(0))}; });
  };
  const std::string message = message_of<AutogradError>([&] { gradcheck(wrong, {x}); });
  EXPECT_NE(message.find("gradcheck: input 0"), std::string::npos) << message;
}

TEST(Gradcheck, NanIsAnError) {
  const Tensor x = rand({3}, kFloat64).requires_grad_();
  const auto nan = [](const TensorList& in) {
    return autograd::record("nan", {in[0]}, mul(in[0], in[0]).detach(), {}, [](const auto& ctx) -> variable_list {
      return {mul(ctx.grad(), full({}, std::nan(""), kFloat64))};
    });
  };
  EXPECT_THROW(gradcheck(nan, {x}), AutogradError);
}

TEST(Views, GradientsOfShapesAndCuts) {
  const Tensor x = rand({2, 3, 4}, kFloat64).requires_grad_();
  const std::vector<std::function<Tensor(const TensorList&)>> functions = {
      [](const TensorList& in) { return in[0].reshape({4, 6}); },
      [](const TensorList& in) { return in[0].permute({2, 0, 1}); },
      [](const TensorList& in) { return in[0].transpose(0, 2).reshape({-1}); },
      [](const TensorList& in) { return in[0].select(1, -1); },
      [](const TensorList& in) { return in[0].slice(2, 1, 4, 2); },
      [](const TensorList& in) { return in[0].unsqueeze(1).expand({2, 5, 3, 4}); },
      [](const TensorList& in) { return in[0].flatten(1); },
      [](const TensorList& in) { return split(in[0], 2, 2)[1]; },
      [](const TensorList& in) { return in[0].clone().contiguous(); },
  };
  for (size_t i = 0; i < functions.size(); ++i) {
    SCOPED_TRACE(i);
    gradcheck(functions[i], {x});
    gradgradcheck([&](const TensorList& in) { return functions[i]({mul(in[0], in[0])}); }, {x});
  }
}

TEST(Views, ShareMemoryAndVersion) {
  const Tensor x = zeros({2, 3});
  x[1].fill_(7);
  EXPECT_EQ(x[1][2].item<float>(), 7.0f);
  EXPECT_EQ(x._version(), 1);
  EXPECT_TRUE(x.slice(1, 1).is_view());
}

}  // namespace
}  // namespace tessera
