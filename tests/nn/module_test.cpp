#include "nn/module.h"

#include <gtest/gtest.h>

#include <sstream>

#include "core/ops.h"
#include "nn/nn.h"
#include "tests/support/message_of.h"
#include "tests/support/numbers.h"

namespace tessera::nn {
namespace {

using testing_support::message_of;
using testing_support::numbers;

struct BlockImpl : Cloneable<BlockImpl> {
  BlockImpl() { BlockImpl::reset(); }
  void reset() override {
    conv = register_module("conv", Conv2d(Conv2dOptions(2, 3, 3).padding(1)));
    scale = register_parameter("scale", ones({3, 1, 1}));
    norm = register_module("norm", BatchNorm2d(3));
    seen = register_buffer("seen", zeros({1}));
  }
  Tensor forward(const Tensor& x) { return mul(norm(conv(x)), scale); }
  Conv2d conv = nullptr;
  BatchNorm2d norm = nullptr;
  Tensor scale, seen;
};
TESSERA_MODULE(Block);

using Names = std::vector<std::string>;

TEST(Module, ListsInTheOrderOfAPyTorchStateDict) {
  const Sequential net{Block(), ReLU()};
  EXPECT_EQ(net->named_parameters().keys(), (Names{"0.scale", "0.conv.weight", "0.conv.bias", "0.norm.weight", "0.norm.bias"}));
  EXPECT_EQ(net->named_buffers().keys(),
            (Names{"0.seen", "0.norm.running_mean", "0.norm.running_var", "0.norm.num_batches_tracked"}));
  EXPECT_EQ(net->named_modules("net").keys(), (Names{"net", "net.0", "net.0.conv", "net.0.norm", "net.1"}));
  EXPECT_EQ(net->named_children().keys(), (Names{"0", "1"}));
  EXPECT_EQ(net->named_parameters(/*recurse=*/false).size(), 0u);
  EXPECT_EQ(net->modules(/*include_self=*/false).size(), 4u);
  Names names;
  for (const auto& [name, tensor] : state_dict(*net)) names.push_back(name);
  EXPECT_EQ(names, (Names{"0.scale", "0.seen", "0.conv.weight", "0.conv.bias", "0.norm.weight", "0.norm.bias",
                          "0.norm.running_mean", "0.norm.running_var", "0.norm.num_batches_tracked"}));
}

TEST(Module, ApplyVisitsParentsFirst) {
  const Sequential net{Block(), ReLU()};
  const Names expected{"net", "net.0", "net.0.conv", "net.0.norm", "net.1"};
  Names names;
  net->apply([&](const std::string& name, Module&) { names.push_back(name); }, "net");
  EXPECT_EQ(names, expected);
  names.clear();
  std::as_const(*net).apply([&](const std::string& name, const Module&) { names.push_back(name); }, "net");
  EXPECT_EQ(names, expected);
  names.clear();
  net->apply([&](const std::string& name, const std::shared_ptr<Module>&) { names.push_back(name); }, "net");
  EXPECT_EQ(names, expected);
  std::vector<const Module*> visited, all;
  for (const auto& module : net->modules()) all.push_back(module.get());
  net->apply([&](const std::shared_ptr<Module>& module) { visited.push_back(module.get()); });
  net->apply([&](Module& module) { visited.push_back(&module); });
  std::as_const(*net).apply([&](const Module& module) { visited.push_back(&module); });
  all.insert(all.end(), all.begin(), all.begin() + 5);
  all.insert(all.end(), all.begin(), all.begin() + 5);
  EXPECT_EQ(visited, all);
}

struct CounterImpl : Cloneable<CounterImpl> {
  void reset() override {}
  int calls = 0;
};
TESSERA_MODULE(Counter);
struct ParentImpl : Cloneable<ParentImpl> {
  ParentImpl() { ParentImpl::reset(); }
  void reset() override { counter = register_module("counter", Counter()); }
  Counter counter = nullptr;
};

TEST(Module, CloneCopiesTheMembersOfChildren) {
  const auto original = std::make_shared<ParentImpl>();
  original->counter->calls = 7;
  const auto copy = std::dynamic_pointer_cast<ParentImpl>(original->clone());
  EXPECT_EQ(copy->counter->calls, 7);
  EXPECT_NE(copy->counter.get(), original->counter.get());
  EXPECT_EQ(copy->counter.get(), copy->named_children()["counter"].get());
}

TEST(Module, BadNamesAreRefused) {
  Module m("m");
  m.register_parameter("a", ones({1}));
  EXPECT_NE(message_of<ValueError>([&] { m.register_parameter("a", ones({1})); }).find("\"a\" is defined already"),
            std::string::npos);
  EXPECT_THROW(m.register_parameter("", ones({1})), ValueError);
  EXPECT_THROW(m.register_buffer("a.b", ones({1})), ValueError);
  m.register_module("child", ReLU());
  EXPECT_THROW(m.register_module("child", ReLU()), ValueError);
  EXPECT_THROW(m.register_module("none", std::shared_ptr<ReLUImpl>()), ValueError);
  EXPECT_THROW(m.replace_module("other", ReLU()), ValueError);
  m.replace_module("child", Tanh());
  EXPECT_NE(m.named_children()["child"]->as<Tanh>(), nullptr);
  m.unregister_module("child");
  EXPECT_THROW(m.unregister_module("child"), ValueError);
  EXPECT_EQ(m.name(), "m");
}

TEST(Module, TrainEvalAndZeroGradReachAll) {
  const Block block;
  block->eval();
  EXPECT_FALSE(block->norm->is_training());
  block->train();
  EXPECT_TRUE(block->conv->is_training());
  const Tensor y = block(randn({2, 2, 4, 4}));
  y.backward(ones_like(y));
  EXPECT_TRUE(block->conv->weight.grad().defined());
  EXPECT_EQ(block->norm->num_batches_tracked.item<int64_t>(), 1);
  block->zero_grad(/*set_to_none=*/false);
  EXPECT_EQ(numbers(block->conv->weight.grad()), std::vector<double>(54, 0.0));
  block->zero_grad();
  for (const Tensor& p : block->parameters()) EXPECT_FALSE(p.grad().defined());
}

TEST(Module, ToConvertsInPlaceWithTheGradient) {
  const Block block;
  const Tensor handle = block->conv->weight;
  Tensor y = block(randn({2, 2, 4, 4}));
  y.backward(ones_like(y));
  block->to(kFloat64);
  EXPECT_EQ(handle.dtype(), kFloat64);
  EXPECT_EQ(handle.grad().dtype(), kFloat64);
  EXPECT_TRUE(handle.requires_grad() && handle.is_leaf());
  EXPECT_EQ(block->norm->num_batches_tracked.dtype(), kInt64);
  y = block(randn({2, 2, 4, 4}, kFloat64));  // and it trains on
  y.backward(ones_like(y));
  EXPECT_EQ(handle.grad().dtype(), kFloat64);
  EXPECT_THROW(block->to(kInt64), TypeError);
  block->to(kChannelsLast);
  EXPECT_TRUE(handle.is_contiguous(kChannelsLast));
}

TEST(Module, CloneIsDeep) {
  const Block block;
  block->eval();
  const auto copy = std::dynamic_pointer_cast<BlockImpl>(block->clone());
  ASSERT_NE(copy, nullptr);
  EXPECT_FALSE(copy->norm->is_training());
  EXPECT_EQ(numbers(copy->conv->weight), numbers(block->conv->weight));
  {
    const NoGradGuard no_grad;
    copy->conv->weight.zero_();
  }
  EXPECT_NE(numbers(copy->conv->weight), numbers(block->conv->weight));
  EXPECT_EQ(copy->named_parameters()["conv.weight"].is_same(copy->conv->weight), true);
  EXPECT_THROW(Module().clone(), ValueError);

  const Sequential net{Block(), ReLU()};
  const Sequential twin(std::dynamic_pointer_cast<SequentialImpl>(net->clone()));
  const Tensor x = randn({2, 2, 4, 4});
  EXPECT_EQ(numbers(twin(x)), numbers(net(x)));
  EXPECT_FALSE(twin->parameters()[0].is_same(net->parameters()[0]));
}

TEST(Module, Prints) {
  std::ostringstream text;
  text << Sequential(Conv2d(Conv2dOptions(1, 2, {3, 5}).bias(false)), Sequential(ReLU(true)));
  EXPECT_EQ(text.str(),
            "tessera::nn::Sequential(\n"
            "  (0): tessera::nn::Conv2d(1, 2, kernel_size=[3, 5], stride=[1, 1], bias=false)\n"
            "  (1): tessera::nn::Sequential(\n"
            "    (0): tessera::nn::ReLU(inplace=true)\n"
            "  )\n"
            ")");
}

TEST(Module, StateDictErrorsAreListedAtOnce) {
  const Linear a(2, 3);
  const auto before = numbers(a->weight);
  NamedTensors tensors = {{"weight", ones({3, 3})}, {"extra", ones({1})}};
  const std::string message = message_of<ValueError>([&] { load_state_dict(*a, tensors); });
  EXPECT_NE(message.find("missing: bias; unexpected: extra; of another shape: weight ([3, 3] given, [3, 2] wanted)"),
            std::string::npos)
      << message;
  EXPECT_THROW(load_state_dict(*a, tensors, /*strict=*/false), ValueError);
  tensors[0].second = ones({3, 2}, kFloat64);
  EXPECT_EQ(numbers(a->weight), before);
  load_state_dict(*a, tensors, /*strict=*/false);
  EXPECT_EQ(numbers(a->weight), std::vector<double>(6, 1.0));
  EXPECT_EQ(a->weight.dtype(), kFloat32);
  EXPECT_TRUE(a->weight.requires_grad());
}

TEST(ModuleHolder, NullAndErrors) {
  Conv2d conv = nullptr;
  EXPECT_TRUE(conv.is_empty());
  EXPECT_FALSE(conv);
  EXPECT_THROW(conv->weight, ValueError);
  conv = Conv2d(1, 2, 3);
  EXPECT_TRUE(conv);
  EXPECT_EQ(conv.ptr().get(), conv.get());
}

TEST(ModuleHolder, AnomalyModeNamesTheLayer) {
  const Block block;
  {
    const NoGradGuard no_grad;
    block->conv->weight.fill_(std::nan(""));
  }
  autograd::set_detect_anomaly(true);
  const std::string message = message_of<AutogradError>([&] { block(ones({2, 2, 4, 4})); });
  autograd::set_detect_anomaly(false);
  EXPECT_NE(message.find("conv"), std::string::npos) << message;
}

}  // namespace
}  // namespace tessera::nn
