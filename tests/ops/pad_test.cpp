// pad: values, errors, memory order, gradients.
#include "core/ops/pad.h"

#include <gtest/gtest.h>

#include "core/gradcheck.h"
#include "core/ops.h"

namespace tessera {
namespace {

TEST(PadOps, Values) {
  const Tensor x = tensor({{1, 2, 3}, {4, 5, 6}});
  EXPECT_TRUE(equal(pad(x, {1, 0, 0, 1}, "constant", 9), tensor({{9, 1, 2, 3}, {9, 4, 5, 6}, {9, 9, 9, 9}})));
  EXPECT_TRUE(equal(pad(x, {2, 1}, "reflect"), tensor({{3, 2, 1, 2, 3, 2}, {6, 5, 4, 5, 6, 5}})));
  EXPECT_TRUE(equal(pad(x, {1, 1, 1, 0}, "replicate"), tensor({{1, 1, 2, 3, 3}, {1, 1, 2, 3, 3}, {4, 4, 5, 6, 6}})));
  EXPECT_TRUE(equal(pad(x, {-1, 0}), tensor({{2, 3}, {5, 6}})));
  EXPECT_TRUE(equal(pad(x, {}), x));
  EXPECT_TRUE(pad(rand({1, 3, 4, 5}).contiguous(kChannelsLast), {1, 1, 1, 1}).is_contiguous(kChannelsLast));
}

TEST(PadOps, Errors) {
  const Tensor x = ones({2, 3});
  EXPECT_THROW(pad(x, 1), ShapeError);
  EXPECT_THROW(pad(x, {1, 1, 1, 1, 1, 1}), ShapeError);
  EXPECT_THROW(pad(x, {1, 1}, "circular"), ValueError);
  EXPECT_THROW(pad(x, {3, 0}, "reflect"), ValueError);
  EXPECT_THROW(pad(x, {-1, 0}, "replicate"), ValueError);
  EXPECT_THROW(pad(x, {-2, -2}), ValueError);
}

TEST(PadOps, Gradcheck) {
  const Tensor x = sin(arange(24, kDouble)).reshape({1, 2, 3, 4}).requires_grad_();
  for (const char* mode : {"constant", "reflect", "replicate"}) {
    SCOPED_TRACE(mode);
    const auto padded = [mode](const TensorList& x) { return square(pad(x[0], {2, 1, 0, 2}, mode, 0.5)); };
    EXPECT_NO_THROW(gradcheck(padded, {x}));
    EXPECT_NO_THROW(gradgradcheck(padded, {x}, {.eps = 1e-5, .atol = 1e-4, .rtol = 1e-4}));
  }
}

}  // namespace
}  // namespace tessera
