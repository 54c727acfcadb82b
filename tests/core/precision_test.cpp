#include "core/precision.h"

#include <gtest/gtest.h>

#include "core/ops.h"
#include "tests/support/message_of.h"

namespace tessera {
namespace {

struct Restore {
  ~Restore() { set_float32_matmul_precision("highest"); }
};

TEST(Float32Precision, WordsOfPyTorchAndTheDefault) {
  const Restore restore;
  EXPECT_EQ(float32_matmul_precision(), "highest");
  for (const char* word : {"medium", "high", "highest"}) {
    set_float32_matmul_precision(word);
    EXPECT_EQ(float32_matmul_precision(), word);
  }
  set_float32_matmul_precision(Float32Precision::High);
  EXPECT_EQ(detail::float32_precision(), Float32Precision::High);
  EXPECT_EQ(testing_support::message_of<ValueError>([] { set_float32_matmul_precision("tf32"); }),
            "set_float32_matmul_precision: \"tf32\" is unknown. Give \"highest\", \"high\" or \"medium\".");
  EXPECT_EQ(float32_matmul_precision(), "high");  // as before
}

TEST(Float32Precision, TheCpuComputesFloat32AtEverySetting) {
  const Restore restore;
  // 1 + 2^-12 is 1 in TensorFloat32 and in bfloat16.
  const Tensor a = full({1, 1, 1, 1}, 1 + 0x1p-12), one = ones({1, 1, 1, 1});
  for (const char* word : {"highest", "high", "medium"}) {
    set_float32_matmul_precision(word);
    EXPECT_EQ(conv2d(a, one).item<float>(), 1 + 0x1p-12f) << word;
    EXPECT_EQ(mm(view(a, {1, 1}), view(one, {1, 1})).item<float>(), 1 + 0x1p-12f) << word;
  }
}

}  // namespace
}  // namespace tessera
