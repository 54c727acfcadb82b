#include "nn/containers.h"

#include <gtest/gtest.h>

#include "core/ops.h"
#include "nn/nn.h"
#include "tests/support/message_of.h"

namespace tessera::nn {
namespace {

using testing_support::message_of;
using Names = std::vector<std::string>;

struct Join : Module {
  std::string forward(int count, const std::string& text, double = 0.5) { return std::to_string(count) + text; }
};
struct Length : Module {
  int forward(std::string text) const { return static_cast<int>(text.size()); }
};

TEST(AnyModule, TakesAndGivesAnyTypes) {
  const AnyModule any{Join()};
  EXPECT_EQ(any.forward<std::string>(3, std::string("x")), "3x");
  EXPECT_EQ(any.forward<std::string>(3, std::string("x"), 1.0), "3x");
  EXPECT_THROW(any.forward<std::string>(3), ValueError);
  EXPECT_THROW(any.forward<std::string>(3, std::string("x"), 1.0, 2), ValueError);
  EXPECT_NE(message_of<TypeError>([&] { any.forward<std::string>(3.0, std::string("x")); }).find("argument 0"), std::string::npos);
  EXPECT_THROW(any.forward<int>(3, std::string("x")), TypeError);
  EXPECT_NE(any.ptr<Join>(), nullptr);
  EXPECT_THROW(any.get<Length>(), TypeError);
  EXPECT_EQ(any.type_info(), typeid(Join));
  EXPECT_THROW(AnyModule().forward(1), ValueError);
  EXPECT_THROW(AnyModule().ptr(), ValueError);
  const AnyModule linear = Linear(3, 4);
  EXPECT_EQ(linear.get<Linear>().get(), &linear.get<LinearImpl>());
}

TEST(AnyModule, TakesASequentialAsAModule) {
  const Sequential inner{Linear(2, 3), ReLU()}, outer{inner, Linear(3, 1)};
  EXPECT_TRUE(outer->forward(ones({5, 2})).sizes() == IntArrayRef({5, 1}));
}

TEST(Containers, SequentialChainsOtherTypesThanTensors) {
  const Sequential chain{Join(), Length()};
  EXPECT_EQ(chain->forward<int>(12, std::string("abc")), 5);
  EXPECT_THROW(chain->forward(12, std::string("abc")), TypeError);
}

TEST(Containers, SequentialExtendsIteratesAndClones) {
  Sequential net{Linear(1, 2)}, more{Tanh(), Dropout(0.5)};
  net->extend(*more);
  net->extend(std::vector<Linear>{Linear(2, 2)});
  EXPECT_EQ(net->named_children().keys(), (Names{"0", "1", "2", "3"}));
  EXPECT_EQ(net[1], more[0]);
  size_t count = 0;
  for (const AnyModule& module : *net) EXPECT_EQ(module.ptr(), net[count++]);
  net->train();
  net[2]->eval();
  const auto copy = std::dynamic_pointer_cast<SequentialImpl>(net->clone());
  EXPECT_TRUE(copy->is_training());
  EXPECT_FALSE(copy->ptr(2)->is_training());
  EXPECT_FALSE(copy->at<Linear>(0).weight.is_same(net->at<Linear>(0).weight));
  EXPECT_TRUE(equal(copy->at<Linear>(0).weight, net->at<Linear>(0).weight));
}

TEST(Containers, SequentialByNumberAndByName) {
  Sequential net(Linear(2, 3), Functional(tessera::relu), Functional(tessera::elu, /*alpha=*/0.5, /*scale=*/1, /*input_scale=*/1));
  net->push_back("last", Linear(3, 1));
  EXPECT_EQ(net->size(), 4u);
  EXPECT_TRUE(net(ones({5, 2})).sizes() == IntArrayRef({5, 1}));
  EXPECT_EQ(net->at<Linear>(3).options.out_features(), 1);
  EXPECT_EQ(net->at<LinearImpl>(0).options.in_features(), 2);
  EXPECT_THROW(net->at<Linear>(1), TypeError);
  EXPECT_THROW(net->ptr(4), IndexError);
  EXPECT_TRUE(net->named_parameters().contains("last.weight"));
  const Sequential named({{"first", Linear(2, 2)}, {"second", Tanh()}});
  EXPECT_EQ(named->named_children().keys(), (Names{"first", "second"}));
  EXPECT_THROW(Sequential()->forward(ones({1})), ValueError);
}

TEST(Containers, ListAndDict) {
  ModuleList list(Linear(1, 2), ReLU());
  list->push_back(Linear(2, 3));
  EXPECT_EQ(list->size(), 3u);
  EXPECT_EQ(list->at<Linear>(2).options.out_features(), 3);
  EXPECT_EQ(list->named_parameters().keys(), (Names{"0.weight", "0.bias", "2.weight", "2.bias"}));
  list->insert(1, Tanh());
  EXPECT_NE(list[1]->as<Tanh>(), nullptr);
  EXPECT_EQ(list->named_parameters().keys(), (Names{"0.weight", "0.bias", "3.weight", "3.bias"}));
  EXPECT_THROW(list->insert(5, Tanh()), IndexError);
  EXPECT_THROW(list->at<Linear>(1), TypeError);
  list->extend(*ModuleList(Linear(3, 3)));
  EXPECT_EQ(list->size(), 5u);
  EXPECT_EQ(list->clone()->named_parameters().keys(), list->named_parameters().keys());

  ModuleDict dict;
  dict->insert("b", Linear(1, 1));
  dict->insert("a", ReLU());
  EXPECT_EQ(dict->keys(), (Names{"b", "a"}));
  EXPECT_TRUE(dict->contains("a"));
  EXPECT_THROW(dict->insert("a", ReLU()), ValueError);
  dict->update(ModuleDictImpl::Pairs{{"a", Tanh().ptr()}, {"c", ReLU().ptr()}});
  EXPECT_EQ(dict->keys(), (Names{"b", "a", "c"}));
  EXPECT_NE(dict["a"]->as<Tanh>(), nullptr);
  EXPECT_EQ(dict->at<Linear>("b").options.in_features(), 1);
  EXPECT_EQ(dict->pop("b")->as<ReLU>(), nullptr);
  EXPECT_THROW(dict->pop("b"), ValueError);
  EXPECT_EQ(dict->items().size(), 2u);
}

}  // namespace
}  // namespace tessera::nn
