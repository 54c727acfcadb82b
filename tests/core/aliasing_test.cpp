// Who owns a gradient, what a hook may return, and what happens when memory changes under the graph.
#include <gtest/gtest.h>

#include "core/autograd.h"
#include "core/function.h"
#include "core/indexing.h"
#include "core/ops.h"

namespace tessera {
namespace {

std::vector<double> numbers(const Tensor& x) {
  std::vector<double> out;
  const Tensor flat = x.detach().to(kFloat64).reshape({-1});
  for (int64_t i = 0; i < flat.numel(); ++i) out.push_back(flat[i].item<double>());
  return out;
}
using V = std::vector<double>;

TEST(Aliasing, GradientsUnderCreateGraphAreNotShared) {
  const Tensor x = ones({2}).requires_grad_(), y = ones({2}).requires_grad_(), g = ones({2});
  add(x, y).backward(g, /*retain_graph=*/true, /*create_graph=*/true);
  mul(x, tensor({3.0, 3.0})).sum().backward();  // adds to x.grad in place
  EXPECT_EQ(numbers(x.grad()), (V{4, 4}));
  EXPECT_EQ(numbers(y.grad()), (V{1, 1}));
  EXPECT_EQ(numbers(g), (V{1, 1}));
}

TEST(Aliasing, AnExpandedGradientUnderCreateGraphCanBeAddedTo) {
  const Tensor x = ones({3}).requires_grad_();
  x.sum().backward({}, true, /*create_graph=*/true);
  x.sum().backward();
  EXPECT_EQ(numbers(x.grad()), (V{2, 2, 2}));
}

TEST(Aliasing, WhatAHookReturnsStaysTheHooks) {
  const Tensor x = ones({2}).requires_grad_();
  const Tensor mine = tensor({5.0, 5.0});
  x.register_hook([&](const Tensor&) { return mine; });
  for (int i = 0; i < 2; ++i) mul(x, x).sum().backward();
  EXPECT_EQ(numbers(x.grad()), (V{10, 10}));
  EXPECT_EQ(numbers(mine), (V{5, 5}));
}

TEST(Hooks, ReplacementsMustFit) {
  const auto pass = [&](const Tensor& replacement, bool on_leaf) {
    const Tensor leaf = ones({2, 3}).requires_grad_(), y = tanh(leaf);
    (on_leaf ? leaf : y).register_hook([=](const Tensor&) { return replacement; });
    y.backward(ones({2, 3}));
    return leaf.grad();
  };
  for (bool on_leaf : {false, true}) {
    SCOPED_TRACE(on_leaf);
    EXPECT_THROW(pass(ones({}), on_leaf), ShapeError);
    EXPECT_THROW(pass(ones({2, 1}), on_leaf), ShapeError);
    EXPECT_EQ(pass(ones({2, 3}, kFloat64), on_leaf).dtype(), kFloat32);
  }
}

TEST(Hooks, AHookMayRemoveItself) {
  const Tensor x = ones({2}).requires_grad_(), y = mul(x, x);
  for (const Tensor& t : {x, y}) {
    auto handle = std::make_shared<unsigned>();
    *handle = t.register_hook([t, handle](const Tensor& g) {
      t.remove_hook(*handle);
      return mul(g, 2);
    });
  }
  for (int i = 0; i < 2; ++i) y.backward(ones({2}), /*retain_graph=*/true);
  EXPECT_EQ(numbers(x.grad()), (V{10, 10}));  // 2 * 2 * 2 with both hooks, then 2
}

struct WrongShape : autograd::Function<WrongShape> {
  static Tensor forward(autograd::AutogradContext*, const Tensor& x) { return x.clone(); }
  static variable_list backward(autograd::AutogradContext*, const variable_list&) { return {ones({1, 3})}; }
};

TEST(Autograd, AGradientThatIsTooSmallIsRefused) {
  const Tensor x = ones({2, 3}).requires_grad_();
  EXPECT_THROW(WrongShape::apply(x).sum().backward(), ShapeError);
}

// y = (a, b), saved b: its second derivative must flow to output 1.
TEST(Autograd, ASavedOutputKeepsItsNumber) {
  const Tensor x = tensor({2.0}, dtype(kFloat64).requires_grad(true));
  const auto pair = [](const Tensor& in) {
    Tensor a, b, index;
    {
      NoGradGuard no_grad;
      a = mul(in, 5);
      b = mul(in, in);
      index = zeros({1}, kInt64);
    }
    autograd::record_all("pair", {in}, {a, b, index}, {in, b, index}, [](const auto& ctx) -> variable_list {
      EXPECT_FALSE(ctx.saved(2).requires_grad());  // integers have no history
      Tensor g = zeros({1}, kFloat64);
      if (ctx.grad(0).defined()) g = add(g, mul(ctx.grad(0), 5));
      if (ctx.grad(1).defined()) g = add(g, mul(ctx.grad(1), mul(div(ctx.saved(1), ctx.saved(0)), 2)));  // 2 b / x = 2 x
      return {g};
    });
    return b;
  };
  const Tensor first = autograd::grad({pair(x)}, {x}, {}, true, /*create_graph=*/true)[0];
  EXPECT_EQ(first.item<double>(), 4);
  EXPECT_EQ(autograd::grad({first}, {x})[0].item<double>(), 2);
}

TEST(InPlace, AViewTakenBeforeAWriteFollowsIt) {
  const Tensor x = ones({4}).requires_grad_();
  const Tensor y = mul(x, 2), before = y.view({2, 2});
  y.mul_(3);
  before.sum().backward();
  EXPECT_EQ(numbers(x.grad()), (V{6, 6, 6, 6}));
}

TEST(SetData, TakesAnotherDtypeAndDropsTheOldEndOfTheGraph) {
  const Tensor w = ones({2}).requires_grad_();
  const Tensor y = mul(w, 2);  // keeps the old end alive
  w.set_data(ones({3}, kFloat64));
  mul(w, 2).sum().backward();
  EXPECT_EQ(w.grad().dtype(), kFloat64);
  EXPECT_EQ(numbers(w.grad()), (V{2, 2, 2}));
  EXPECT_THROW(w.set_data(ones({3}, kInt64)), TypeError);
  EXPECT_THROW(y.set_data(ones({2})), AutogradError);
}

TEST(SetData, BetweenForwardAndBackwardIsNoticed) {
  const Tensor w = ones({2}).requires_grad_();
  const Tensor loss = mul(w, w).sum();
  w.set_data(full({2}, 7.0));
  EXPECT_THROW(loss.backward(), AutogradError);
}

TEST(Copy, OverlappingMemoryIsReadBeforeItIsWritten) {
  const Tensor x = arange(6);
  x.slice(0, 1).copy_(x.slice(0, 0, 5));
  EXPECT_EQ(numbers(x), (V{0, 0, 1, 2, 3, 4}));
  const Tensor m = arange(64 * 64).view({64, 64}), expected = m.t().clone();
  m.copy_(m.t());
  EXPECT_TRUE(equal(m, expected));
}

TEST(Copy, ToWithCopyAlwaysCopies) {
  const Tensor x = ones({2});
  EXPECT_FALSE(x.to(TensorOptions(), /*copy=*/true).is_same(x));
  EXPECT_FALSE(x.to(x.options(), /*copy=*/true).is_same(x));
  EXPECT_TRUE(x.to(x.options()).is_same(x));
}

TEST(Shapes, NarrowChecksItsRange) {
  const Tensor x = arange(4);
  EXPECT_EQ(numbers(x.narrow(0, -2, 2)), (V{2, 3}));
  EXPECT_THROW(x.narrow(0, 2, 3), IndexError);
  EXPECT_THROW(split(ones({}), 1), IndexError);
  EXPECT_EQ(x.slice(0, 1, {}, INT64_MAX).numel(), 1);
}

TEST(Shapes, SizesThatOverflowAreRefused) {
  EXPECT_THROW(zeros({int64_t{1} << 32, int64_t{1} << 32}), ShapeError);
  EXPECT_THROW(ones({1}).expand({int64_t{1} << 62}).clone(), ShapeError);
  EXPECT_THROW(arange(0, std::numeric_limits<double>::infinity()), ValueError);
}

TEST(Indexing, MasksOnTensorsThatAreNotContiguous) {
  const Tensor x = arange(6).view({2, 3}).t();  // [[0, 3], [1, 4], [2, 5]]
  x.index_put_({x > 2}, tensor({-1, -2, -3}));
  EXPECT_EQ(numbers(x), (V{0, -1, 1, -2, 2, -3}));
  const Tensor y = zeros({1, 2, 2, 2}).contiguous(kChannelsLast);
  y.index_put_({0, tensor({{true, false}, {false, true}})}, tensor({{1.0, 2.0}, {3.0, 4.0}}));
  EXPECT_EQ(numbers(y), (V{1, 2, 0, 0, 0, 0, 3, 4}));
}

TEST(Indexing, PutWithAnIndexOfSeveralDimensions) {
  const Tensor x = zeros({5});
  x.index_put_({tensor({{0, 1}, {3, 4}})}, tensor({{1.0, 2.0}, {3.0, 4.0}}));
  EXPECT_EQ(numbers(x), (V{1, 2, 0, 3, 4}));
  const Tensor rows = arange(4).view({2, 2});
  rows.index_put_({tensor({1, 0})}, rows);
  EXPECT_EQ(numbers(rows), (V{2, 3, 0, 1}));
}

TEST(Indexing, ALoneBoolAddsADimension) {
  const Tensor x = ones({2, 3});
  EXPECT_EQ(x.index({tensor(true)}).sizes(), IntArrayRef({1, 2, 3}));
  EXPECT_EQ(x.index({tensor(false)}).sizes(), IntArrayRef({0, 2, 3}));
}

TEST(InPlace, TheErrorNamesTheOp) {
  try {
    sub_(arange(3), 0.5);
    FAIL();
  } catch (const TypeError& e) {
    EXPECT_EQ(std::string(e.what()).substr(0, 5), "sub_:");
  }
}

}  // namespace
}  // namespace tessera
