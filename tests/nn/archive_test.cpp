#include "core/archive.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <sstream>

#include "core/ops.h"
#include "nn/nn.h"
#include "tests/support/numbers.h"

namespace tessera {
namespace {

using serialize::InputArchive;
using serialize::OutputArchive;
using testing_support::numbers;

TEST(Archive, NestsByName) {
  OutputArchive inner, outer;
  inner.write("x", arange(3));
  inner.write("y", ones({1}), /*is_buffer=*/true);
  outer.write("a", inner);
  outer.write("b", zeros({2}));
  EXPECT_THROW(outer.write("b", zeros({2})), ValueError);
  EXPECT_THROW(outer.write("c", Tensor()), ValueError);
  std::stringstream stream;
  outer.save_to(stream);

  InputArchive archive, nested;
  archive.load_from(stream);
  EXPECT_EQ(archive.keys(), (std::vector<std::string>{"a", "b"}));
  Tensor x;
  EXPECT_FALSE(archive.try_read("x", x));
  EXPECT_FALSE(x.defined());
  EXPECT_TRUE(archive.try_read("a", nested));
  nested.read("x", x);
  EXPECT_EQ(numbers(x), (std::vector<double>{0, 1, 2}));
  EXPECT_FALSE(nested.try_read("b", nested));
  EXPECT_THROW(nested.read("z", x), ValueError);
  EXPECT_THROW(nested.read("z", nested), ValueError);
}

// A type of the user's.
struct Counter {
  int64_t count = 0;
  void save(OutputArchive& archive) const { archive.write("count", tensor(count)); }
  void load(InputArchive& archive) {
    Tensor value;
    archive.read("count", value);
    count = value.item<int64_t>();
  }
};

TEST(Save, TakesWhateverKnowsArchives) {
  std::stringstream stream;
  save(Counter{42}, stream);
  Counter counter;
  load(counter, stream);
  EXPECT_EQ(counter.count, 42);
  std::stringstream wrong;
  save(ones({2}), wrong);
  EXPECT_THROW(load(counter, wrong), ValueError);
}

TEST(Save, GoesThroughMemory) {
  const Tensor x = arange(5);
  std::string bytes;
  save(x, [&](const void* data, size_t count) {
    bytes.append(static_cast<const char*>(data), count);
    return count;
  });
  Tensor y, z;
  load(y, bytes.data(), bytes.size());
  EXPECT_EQ(numbers(y), numbers(x));
  const auto read = [&](uint64_t at, void* buffer, size_t count) {
    const size_t there = std::min(count, bytes.size() - std::min<size_t>(at, bytes.size()));
    std::memcpy(buffer, bytes.data() + at, there);
    return there;
  };
  load(z, read, [&] { return bytes.size(); });
  EXPECT_EQ(numbers(z), numbers(x));
  EXPECT_THROW(load(z, read, [&] { return bytes.size() + 1; }), FileError) << "fewer bytes than promised";
  EXPECT_THROW(load(z, bytes.data(), bytes.size() - 1), FileError);
}

TEST(Save, OptimizersOfEveryKindContinue) {
  const auto check = [](auto make) {
    manual_seed(3);
    nn::Linear a(3, 2), b(3, 2), c(3, 2);
    for (const nn::Linear& net : {b, c}) {
      std::stringstream stream;
      save(a, stream);
      nn::Linear target = net;
      load(target, stream);
    }
    auto first = make(a), before = make(b), after = make(b), fresh = make(c);
    const auto step = [](auto& optimizer, const nn::Linear& net, double scale) {
      optimizer->zero_grad();
      (net(ones({4, 3})) * scale).square().sum().backward();
      optimizer->step();
    };
    step(first, a, 1), step(first, a, 2), step(first, a, 0.5);
    step(before, b, 1), step(before, b, 2);
    std::stringstream stream;
    save(*before, stream);
    load(*after, stream);
    step(after, b, 0.5);
    EXPECT_EQ(numbers(a->weight), numbers(b->weight));
    step(fresh, c, 1), step(fresh, c, 2);
    auto forgotten = make(c);
    step(forgotten, c, 0.5);
    EXPECT_NE(numbers(a->weight), numbers(c->weight)) << "without its state it goes elsewhere";
  };
  using nn::Linear;
  check([](Linear& net) { return std::make_unique<optim::SGD>(net->parameters(), optim::SGDOptions(0.01).momentum(0.9)); });
  check([](Linear& net) { return std::make_unique<optim::Adam>(net->parameters(), optim::AdamOptions(0.01).amsgrad(true)); });
  check([](Linear& net) { return std::make_unique<optim::AdamW>(net->parameters(), optim::AdamWOptions(0.01)); });
  check([](Linear& net) { return std::make_unique<optim::Adagrad>(net->parameters(), optim::AdagradOptions(0.01)); });
  check([](Linear& net) {
    return std::make_unique<optim::RMSprop>(net->parameters(), optim::RMSpropOptions(0.01).momentum(0.9).centered(true));
  });
}

TEST(Save, AnOptimizerOfAnotherKindIsRefused) {
  nn::Linear net(2, 2);
  const auto step = [&](optim::Optimizer& optimizer) {
    optimizer.zero_grad();
    net(ones({1, 2})).sum().backward();
    optimizer.step();
  };
  optim::Adam adam(net->parameters(), 0.1);
  optim::SGD sgd(net->parameters(), optim::SGDOptions(0.1).momentum(0.9));
  step(adam);
  std::stringstream stream;
  save(adam, stream);
  EXPECT_THROW(load(sgd, stream), ValueError);
}

}  // namespace
}  // namespace tessera
