#include "core/kernel_profile.h"

#include <gtest/gtest.h>

#include "core/ops.h"

namespace tessera {
namespace {

TEST(KernelProfile, CountsAndTimesCalls) {
  const Tensor x = rand({3, 4}), y = rand({3, 4});
  {
    const KernelProfile profile;
    add(x, y);
    add(x, y);
    mm(x, y.t());
    EXPECT_EQ(profile.calls("binary"), 2);
    EXPECT_EQ(profile.calls("matmul"), 1);
    EXPECT_EQ(profile.calls("conv2d_forward"), 0);
    const auto rows = profile.rows();
    ASSERT_EQ(rows.size(), 2u);
    EXPECT_GT(rows[0].ms, 0);
    EXPECT_GE(rows[0].ms, rows[1].ms);
    const auto& sums = rows[0].kernel == "binary" ? rows[0] : rows[1];
    EXPECT_EQ(sums.calls, 2);
    EXPECT_EQ(sums.operands, "float32[3, 4] float32[3, 4] float32[3, 4]");
    EXPECT_NE(profile.table().find("matmul"), std::string::npos);
    EXPECT_THROW(KernelProfile(), ValueError);
  }
  add(x, y);
  EXPECT_EQ(KernelProfile().calls("binary"), 0) << "what ran before is not counted";
}

}  // namespace
}  // namespace tessera
