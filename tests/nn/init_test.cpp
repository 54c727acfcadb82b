#include "nn/init.h"

#include <gtest/gtest.h>

#include "core/ops.h"
#include "tests/support/numbers.h"

namespace tessera::nn {
namespace {

using testing_support::numbers;

TEST(Init, IdentityMatricesAndConvolutions) {
  EXPECT_TRUE(equal(init::eye_(empty({2, 3})), eye(2, 3)));
  EXPECT_THROW(init::eye_(empty({2})), ShapeError);
  const Tensor weight = init::dirac_(empty({3, 3, 3, 5}));
  const Tensor x = rand({2, 3, 6, 7});
  EXPECT_TRUE(equal(conv2d(x, weight, {}, 1, {1, 2}), x));
  EXPECT_THROW(init::dirac_(empty({2, 3})), ShapeError);
}

TEST(Init, OrthogonalVectorsOfTheLengthAskedFor) {
  manual_seed(5);
  const Tensor wide = init::orthogonal_(empty({3, 2, 2, 2}, kFloat64), 2).flatten(1), tall = init::orthogonal_(empty({6, 4}, kFloat64));
  EXPECT_TRUE(allclose(matmul(wide, wide.t()), mul(eye(3, kFloat64), 4), 0, 1e-12));
  EXPECT_TRUE(allclose(matmul(tall.t(), tall), eye(4, kFloat64), 0, 1e-12));
  EXPECT_THROW(init::orthogonal_(empty({3})), ShapeError);
}

TEST(Init, SparseColumns) {
  manual_seed(6);
  const Tensor zeros = eq(init::sparse_(empty({10, 4}), 0.25), 0);
  EXPECT_EQ(numbers(sum(zeros, {0})), (std::vector<double>{3, 3, 3, 3}));
}

}  // namespace
}  // namespace tessera::nn
