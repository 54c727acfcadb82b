// Indexing ops: values, errors, gradients.
#include "core/ops/index.h"

#include <gtest/gtest.h>

#include "core/gradcheck.h"
#include "core/ops.h"
#include "tests/support/inputs.h"

namespace tessera {
namespace {

using testing_support::sines;

TEST(IndexOps, Values) {
  const Tensor x = arange(6).reshape({2, 3});
  EXPECT_TRUE(equal(gather(x, 1, tensor({{2, 0}, {1, 1}})), tensor({{2, 0}, {4, 4}})));
  EXPECT_TRUE(equal(index_select(x, 1, tensor({2, 2, 0})), tensor({{2, 2, 0}, {5, 5, 3}})));
  EXPECT_TRUE(equal(flip(x, {0, 1}), tensor({{5, 4, 3}, {2, 1, 0}})));
  EXPECT_TRUE(equal(flip(x.t(), 0), tensor({{2, 5}, {1, 4}, {0, 3}})));
  EXPECT_TRUE(equal(scatter_add(x, 0, tensor({{1, 1, 0}}), ones({2, 3}, kLong)), tensor({{0, 1, 3}, {4, 5, 5}})));
  EXPECT_TRUE(equal(index_add(x, 1, tensor({0, 0}), ones({2, 2}, kLong)), tensor({{2, 1, 2}, {5, 4, 5}})));
  const Tensor image = sines({2, 3, 4, 5}).contiguous(kChannelsLast);
  EXPECT_TRUE(index_select(image, 2, tensor({1})).is_contiguous(kChannelsLast));
  EXPECT_TRUE(equal(flip(flip(image, {1, 3}), {1, 3}), image));
}

TEST(IndexOps, Errors) {
  const Tensor x = ones({2, 3});
  EXPECT_THROW(gather(x, 1, tensor({{3}})), IndexError);
  EXPECT_THROW(gather(x, 1, tensor({{-1}})), IndexError);
  EXPECT_THROW(gather(x, 1, tensor({{0.0}})), TypeError);
  EXPECT_THROW(gather(x, 1, tensor({0})), ShapeError);
  EXPECT_THROW(gather(x, 1, zeros({3, 1}, kLong)), ShapeError);
  EXPECT_THROW(gather(x, 2, tensor({{0}})), IndexError);
  EXPECT_THROW(index_select(x, 0, tensor({2})), IndexError);
  EXPECT_THROW(index_select(x, 0, tensor({{0}})), ShapeError);
  EXPECT_THROW(scatter_add(x, 0, tensor({{0}}), ones({1, 1}, kLong)), TypeError);
  EXPECT_THROW(index_add(x, 0, tensor({0}), ones({2, 3})), ShapeError);
  EXPECT_THROW(flip(x, {1, -1}), IndexError);
  EXPECT_EQ(gather(x, 1, zeros({2, 0}, kLong)).numel(), 0);
}

TEST(IndexOps, Gradcheck) {
  const Tensor index = tensor({{{2, 0}, {1, 1}, {2, 2}, {0, 1}}, {{0, 0}, {1, 2}, {2, 0}, {1, 1}}});  // [2, 4, 2], along dim 1
  const Tensor rows = tensor({2, 0, 2, 1});
  const std::vector<std::pair<std::string, std::function<Tensor(const TensorList&)>>> cases = {
      {"gather", [&](const TensorList& x) { return square(gather(x[0], 1, index)); }},
      {"scatter_add", [&](const TensorList& x) { return square(scatter_add(x[0], 1, index, x[1])); }},
      {"index_select", [&](const TensorList& x) { return square(index_select(x[0], 1, rows)); }},
      {"index_add", [&](const TensorList& x) { return square(index_add(x[0], 1, rows, x[1])); }},
      {"flip",
       [&](const TensorList& x) {
         return square(flip(x[0], {0, 2}));
       }},
  };
  for (const auto& [name, function] : cases) {
    SCOPED_TRACE(name);
    const bool two = name.ends_with("_add");
    const TensorList inputs = two ? TensorList{sines({2, 3, 2}), sines({2, 4, 2})} : TensorList{sines({2, 3, 2})};
    EXPECT_NO_THROW(gradcheck(function, inputs));
    EXPECT_NO_THROW(gradgradcheck(function, inputs, {.eps = 1e-5, .atol = 1e-4, .rtol = 1e-4}));
  }
}

}  // namespace
}  // namespace tessera
