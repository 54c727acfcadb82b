#include <gtest/gtest.h>

#include "tests/tools/run_command.h"

namespace tessera::tools {
namespace {

using BenchCommand = CommandTest;

TEST_F(BenchCommand, TimesAStepAndNamesWhatIsWrong) {
  const std::string quick = "bench unet --input 2x3x16x16 --setting feature_scale=64 --steps 1 ";
  const auto run = tessera(quick + "--precision fp32,bf16");
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_NE(run.out.find("unet/fp32_cl"), std::string::npos) << run.out;
  EXPECT_NE(run.out.find("unet/bf16_cl"), std::string::npos) << run.out;
  const auto profile = tessera(quick + "--profile");
  EXPECT_NE(profile.out.find("conv2d_weight_grad"), std::string::npos) << profile.out;
  expect_error(tessera(quick + "--precision fp8"), 2, {"--precision", "fp8", "bf16"});
  expect_error(tessera("bench unet --input 3x16x16"), 2, {"--input", "3x16x16"});
  expect_error(tessera(quick + "--device cuda:99"), 1, {"cuda:99"});
}

}  // namespace
}  // namespace tessera::tools
