#include "nn/serialize/save.h"

#include <gtest/gtest.h>

#include <sstream>

#include "core/ops.h"
#include "nn/nn.h"
#include "tests/support/numbers.h"

namespace tessera {
namespace {

using testing_support::numbers;

TEST(Save, TensorsModulesAndOptimizersComeBack) {
  manual_seed(1);
  const Tensor x = randn({3, 2}).requires_grad_();
  std::stringstream one, many, module, optimizer;
  save(x, one);
  Tensor y;
  load(y, one);
  EXPECT_EQ(numbers(x), numbers(y));
  save(TensorList{x, arange(3)}, many);
  TensorList list;
  load(list, many);
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(numbers(list[1]), (std::vector<double>{0, 1, 2}));

  nn::Linear a(2, 2), b(2, 2);
  optim::Adam first(a->parameters(), 0.1), second(b->parameters(), 0.3);
  a->weight.mutable_grad() = ones({2, 2});
  first.step();
  save(a, module);
  load(b, module);
  save(first, optimizer);
  load(second, optimizer);
  for (const auto& net : {a, b}) net->weight.mutable_grad() = full({2, 2}, 0.5);
  first.step();
  second.step();
  EXPECT_EQ(numbers(a->weight), numbers(b->weight));

  std::stringstream wrong;
  save(x, wrong);
  EXPECT_THROW(load(b, wrong), ValueError);
}

}  // namespace
}  // namespace tessera
