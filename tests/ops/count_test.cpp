// Counting ops: values and errors.
#include "core/ops/count.h"

#include <gtest/gtest.h>

#include "core/ops.h"

namespace tessera {
namespace {

TEST(CountOps, Values) {
  EXPECT_TRUE(equal(bincount(tensor({1, 3, 1})), tensor({0, 2, 0, 1})));
  EXPECT_TRUE(equal(bincount(tensor({1}), {}, 3), tensor({0, 1, 0})));
  EXPECT_EQ(bincount(zeros({0}, kLong)).numel(), 0);
  EXPECT_TRUE(equal(bincount(tensor({1, 0, 1}), tensor({0.5, 2.0, 0.25})), tensor({2.0, 0.75}, kDouble)));
  const Tensor target = tensor({{0, 1, 255}, {1, 1, -1}}), prediction = tensor({{0, 0, 1}, {1, 2, 0}});
  EXPECT_TRUE(equal(confusion_matrix(target, prediction, 2), tensor({{1, 0}, {1, 1}})));
  EXPECT_TRUE(equal(confusion_matrix(target, prediction, 3), tensor({{1, 0, 0}, {1, 1, 1}, {0, 0, 0}})));
  EXPECT_TRUE(equal(confusion_matrix(tensor({200}).to(kByte), tensor({200}).to(kInt), 256).sum(), tensor(1)));
  EXPECT_TRUE(equal(one_hot(tensor({0, 2})), tensor({{1, 0, 0}, {0, 0, 1}})));
  EXPECT_EQ(one_hot(zeros({2, 3}, kLong), 5).sizes(), IntArrayRef({2, 3, 5}));
}

TEST(CountOps, Errors) {
  EXPECT_THROW(bincount(tensor({-1})), ValueError);
  EXPECT_THROW(bincount(tensor({{1}})), ShapeError);
  EXPECT_THROW(bincount(tensor({1.0})), TypeError);
  EXPECT_THROW(bincount(tensor({1}), ones({2})), ShapeError);
  EXPECT_THROW(confusion_matrix(tensor({1}), tensor({1, 2}), 3), ShapeError);
  EXPECT_THROW(confusion_matrix(tensor({1}), tensor({1}), 0), ValueError);
  EXPECT_THROW(one_hot(tensor({3}), 3), ValueError);
  EXPECT_THROW(one_hot(zeros({0}, kLong)), ValueError);
}

}  // namespace
}  // namespace tessera
