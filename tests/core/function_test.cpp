// Ops of one's own: arguments of any type, what backward may return, hooks, reentrant backward passes.
#include "core/function.h"

#include <gtest/gtest.h>

#include "core/ops.h"
#include "tests/support/message_of.h"

namespace tessera {
namespace {

using autograd::AutogradContext;
using testing_support::message_of;

struct Mixed : autograd::Function<Mixed> {
  static variable_list forward(AutogradContext* ctx, const TensorList& parts, const std::string& label,
                               std::optional<Tensor> bias, double scale) {
    ctx->saved_data["label"] = label;
    ctx->saved_data["scale"] = scale;
    ctx->saved_data["sizes"] = parts[0].sizes();
    ctx->saved_data["first"] = parts[0];
    return {(parts[0] + parts[1]) * scale + (bias ? *bias : zeros({})), parts[0] * 2};
  }
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    EXPECT_EQ(ctx->saved_data["label"].toStringRef(), "sum");
    EXPECT_EQ(ctx->saved_data["sizes"].toIntVector(), (std::vector<int64_t>{2}));
    EXPECT_TRUE(ctx->saved_data["first"].isTensor());
    EXPECT_THROW(ctx->saved_data["label"].toTensor(), TypeError);
    EXPECT_TRUE(ctx->needs_input_grad(0));
    EXPECT_FALSE(ctx->needs_input_grad(1));    // part 1 of the list
    EXPECT_FALSE(ctx->needs_input_grad(2));    // the label
    EXPECT_TRUE(equal(grads[1], zeros({2})));  // nobody used it: zeros all the same
    const Tensor g = grads[0] * ctx->saved_data["scale"].toDouble();
    return {g, g, Tensor(), grads[0], Tensor()};
  }
};

TEST(Function, MixedArguments) {
  const Tensor a = ones({2}).requires_grad_(), b = ones({2}), bias = ones({}).requires_grad_();
  const variable_list out = Mixed::apply(TensorList{a, b}, "sum", std::optional<Tensor>(bias), 3.0);
  out[0].sum().backward();
  EXPECT_TRUE(equal(a.grad(), full({2}, 3.0)));
  EXPECT_TRUE(equal(bias.grad(), full({}, 2.0)));
  EXPECT_NE(out[0].grad_fn()->name().find("Mixed"), std::string::npos) << out[0].grad_fn()->name();
}

struct Returns : autograd::Function<Returns> {
  static inline variable_list answer;
  static Tensor forward(AutogradContext*, Tensor x, int) { return x * 2; }
  static variable_list backward(AutogradContext*, variable_list) { return answer; }
};

TEST(Function, TheNumberOfGradientsMustFit) {
  const Tensor x = ones({2}).requires_grad_();
  const auto pass = [&](variable_list answer) {
    Returns::answer = std::move(answer);
    Returns::apply(x, 1).sum().backward();
  };
  EXPECT_NO_THROW(pass({ones({2}), Tensor()}));
  EXPECT_NO_THROW(pass({ones({2}), Tensor(), Tensor()}));
  EXPECT_NO_THROW(pass({Tensor(), Tensor()}));
  EXPECT_NE(message_of<AutogradError>([&] { pass({ones({2})}); }).find("expected 2, got 1"), std::string::npos);
  EXPECT_NE(message_of<AutogradError>([&] {
              pass({ones({2}), Tensor(), ones({2})});
            }).find("expected 2, got 3"),
            std::string::npos);
  EXPECT_NE(message_of<AutogradError>([&] { pass({ones({2}), ones({2})}); }).find("position 1"), std::string::npos);
}

struct Raw : autograd::Function<Raw> {
  static variable_list forward(AutogradContext* ctx, Tensor x) {
    ctx->set_materialize_grads(false);
    return {x * 2, x * 3};
  }
  static variable_list backward(AutogradContext*, variable_list grads) {
    EXPECT_FALSE(grads[1].defined());
    return {grads[0] * 2};
  }
};

TEST(Function, UndefinedGradientsWhereAskedFor) {
  const Tensor x = ones({2}).requires_grad_();
  Raw::apply(x)[0].sum().backward();
  EXPECT_TRUE(equal(x.grad(), full({2}, 2.0)));
}

struct InPlace : autograd::Function<InPlace> {
  static Tensor forward(AutogradContext* ctx, Tensor x) {
    x.mul_(3);
    ctx->mark_dirty({x});
    return x;
  }
  static variable_list backward(AutogradContext*, variable_list grads) { return {grads[0] * 3}; }
};

TEST(Function, DirtyViewsChangeTheirBase) {
  const Tensor x = ones({3}).requires_grad_(), y = x * 2;
  InPlace::apply(y.slice(0, 1));
  (y * y).sum().backward();
  EXPECT_TRUE(equal(x.grad(), tensor({8.0, 72.0, 72.0})));
}

TEST(Hooks, MayReturnNothingAndRunForGradToo) {
  const Tensor x = ones({2}).requires_grad_(), y = x * 2;
  int calls = 0;
  x.register_hook([&](Tensor) { ++calls; });
  const unsigned doubles = x.register_hook([](const Tensor& g) { return g * 2; });
  EXPECT_TRUE(equal(autograd::grad({y.sum()}, {x})[0], full({2}, 4.0)));
  EXPECT_EQ(calls, 1);
  x.remove_hook(doubles);
  EXPECT_THROW(x.remove_hook(doubles), IndexError);
  EXPECT_THROW(y.remove_hook(0), IndexError);
  EXPECT_THROW(ones({2}).register_hook([](Tensor) {}), AutogradError);
}

TEST(Autograd, NodesAreNamedAsInLibtorch) {
  const Tensor x = ones({2, 2}).requires_grad_();
  EXPECT_EQ((x * x).grad_fn()->name(), "MulBackward0");
  EXPECT_EQ(log_softmax(x, 1).grad_fn()->name(), "LogSoftmaxBackward0");
  EXPECT_EQ(x.mm(x).relu_().grad_fn()->name(), "ReluBackward0");
  EXPECT_EQ(max_pool2d(x.view({1, 2, 2}), 2).squeeze(0).grad_fn()->next_edges[0].node->name(), "ViewBackward0");
}

struct Deep : autograd::Function<Deep> {
  static Tensor forward(AutogradContext* ctx, Tensor x) {
    const AutoGradMode recording(true);
    ctx->saved_data["x"] = x.detach().clone().requires_grad_() - 1;
    return ctx->saved_data["x"].toTensor().detach();
  }
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const AutoGradMode recording(true);
    const Tensor x = ctx->saved_data["x"].toTensor();
    if (x.is_nonzero()) Deep::apply(x).sum().backward();
    return grads;
  }
};

TEST(Autograd, ThousandsOfBackwardPassesInsideEachOther) {
  const Tensor x = tensor({3000.0}, requires_grad());
  Deep::apply(x).sum().backward();
  EXPECT_EQ(x.grad().item<float>(), 1.0f);
}

TEST(Autograd, BackwardInputs) {
  const Tensor x = ones({2}).requires_grad_(), y = x * 2;
  EXPECT_NE(message_of<AutogradError>([&] { y.backward(ones({2}), {}, false, TensorList{}); }).find("cannot be empty"),
            std::string::npos);
  EXPECT_NE(message_of<AutogradError>([&] { (y * 2).backward(ones({2}), {}, false, {y}); }).find("is not a leaf"),
            std::string::npos);
}

}  // namespace
}  // namespace tessera
