// Training in other precisions and on other devices.
#include "core/cuda.h"
#include "tests/tools/run_command.h"

namespace tessera::tools {
namespace {

using TrainDevice = CommandTest;

TEST_F(TrainDevice, AmpIsPrecisionBf16) {
  const Result full = tessera(kTiny + "--epochs 1 -o full"), half = tessera(kTiny + "--epochs 1 --precision bf16 -o half"),
               amp = tessera(kTiny + "--epochs 1 --amp -o amp");
  EXPECT_EQ(half.code, 0) << half.err;
  EXPECT_EQ(amp.code, 0) << amp.err;
  EXPECT_EQ(read_text(folder("half/metrics.csv")), read_text(folder("amp/metrics.csv")));
  EXPECT_NE(read_text(folder("half/metrics.csv")), read_text(folder("full/metrics.csv"))) << "nothing ran in bfloat16";
  EXPECT_NE(read_text(folder("amp/config.json")).find("\"precision\": \"bf16\""), std::string::npos);
  // The weights are float32 in the file, whatever computed them.
  EXPECT_EQ(tessera("info amp/last.safetensors").out.find("bfloat16"), std::string::npos);
  EXPECT_EQ(tessera(kTiny + "--epochs 2 --schedule none --precision tf32 -o tf32").code, 0);
  expect_error(tessera("train --resume -o tf32 --precision bf16"), 2, {"--precision", "tf32", "bf16"});
}

TEST_F(TrainDevice, WhatCannotBeIsSaidInOneLine) {
  expect_error(tessera(kTiny + "--amp --precision tf32"), 2, {"--amp", "tf32"});
  expect_error(tessera(kTiny + "--precision fp8"), 2, {"--precision", "fp8"});
  expect_error(tessera(kTiny + "--device tpu"), 1, {"device \"tpu\" is unknown"});
  expect_error(tessera(kTiny + "--device cuda:77"), 1, {"device cuda:77"});
  if (!cuda::is_available()) expect_error(tessera(kTiny + "--device cuda"), 1, {"device cuda:0", "cpu"});
}

}  // namespace
}  // namespace tessera::tools
