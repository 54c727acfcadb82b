// The reference cases through `tessera verify`, and that it says so when one does not hold.
#include "core/ops.h"
#include "nn/serialize/safetensors.h"
#include "tests/tools/run_command.h"

namespace tessera::tools {
namespace {

namespace fs = std::filesystem;
using Verify = CommandTest;

// A case of sigmoid with the given gradient factor: 1 is right.
void write_case(const fs::path& file, const std::string& op, double factor, const std::string& args = "{}") {
  const Tensor x = tensor({-1.0, 0.5, 2.0}, kFloat64), g = tensor({1.0, -2.0, 0.5}, kFloat64), y = sigmoid(x);
  save_safetensors(file.string(), {{{"input", x}, {"out", y}, {"grad_out", g}, {"grad.input", factor * g * y * (1 - y)}},
                                   {{"kind", "op"}, {"op", op}, {"args", args}, {"inputs", "[\"input\"]"}}});
}

class Golden : public CommandTest, public testing::WithParamInterface<const char*> {};

TEST_P(Golden, EveryReferenceCaseOfTheOpsHolds) {
  const std::string cases = TESSERA_SHARED_DIR "/golden/ops";
  if (!fs::exists(cases)) GTEST_SKIP() << cases << " is missing";
  const Result run = tessera("verify '" + cases + "' " + GetParam());
  EXPECT_EQ(run.code, 0) << run.out << run.err;
  EXPECT_NE(run.out.find(" passed, 0 failed, 0 unknown\n"), std::string::npos);
}

TEST_P(Golden, TheUNetsHold) {
  const std::string models = TESSERA_SHARED_DIR "/golden/models/";
  if (!fs::exists(models)) GTEST_SKIP() << models << " is missing";
  for (const char* name :
       {"unet_fs16_bilinear_bn", "unet_fs16_bilinear_plain", "unet_fs16_deconv_bn", "unet_fs16_deconv_plain"}) {
    const Result run = tessera("verify '" + models + name + ".safetensors' " + GetParam());
    EXPECT_EQ(run.code, 0) << run.out << run.err;
    EXPECT_NE(run.out.find("1 passed, 0 failed, 0 unknown\n"), std::string::npos);
  }
}

INSTANTIATE_TEST_SUITE_P(DtypesAndKernels, Golden,
                         testing::Values("--dtype float64 --kernels reference", "--dtype float64 --kernels best",
                                         "--dtype float32 --kernels reference", "--dtype float32 --kernels best"));

TEST_F(Verify, ACaseThatHoldsAndOnesThatDoNot) {
  write_case(folder("a_right.safetensors"), "sigmoid", 1);
  EXPECT_EQ(tessera("verify .").code, 0);
  write_case(folder("b_wrong.safetensors"), "sigmoid", 1 + 1e-6);
  write_case(folder("c_nan.safetensors"), "sigmoid", std::numeric_limits<double>::quiet_NaN());
  write_case(folder("d_unknown.safetensors"), "sigmoyd", 1);
  write_case(folder("e_argument.safetensors"), "sigmoid", 1, "{\"temperature\": 2}");
  std::ofstream(folder("f_text.safetensors")) << "no safetensors file";
  const Result run = tessera("verify .");
  EXPECT_EQ(run.code, 1);
  EXPECT_NE(run.out.find("1 passed, 3 failed, 2 unknown\n"), std::string::npos) << run.out;
  EXPECT_NE(run.out.find("FAIL: grad.input"), std::string::npos) << run.out;
  EXPECT_NE(run.out.find("UNKNOWN: op sigmoyd is unknown"), std::string::npos) << run.out;
  EXPECT_NE(run.out.find("UNKNOWN: argument temperature is unknown"), std::string::npos) << run.out;
}

TEST_F(Verify, FoldersWithoutCases) {
  expect_error(tessera("verify nowhere"), 1, {"nowhere", "no such folder"});
  expect_error(tessera("verify ."), 1, {"no .safetensors file"});
  EXPECT_EQ(tessera("verify").code, 2);
  EXPECT_EQ(tessera("verify . --dtype float16").code, 2);
}

}  // namespace
}  // namespace tessera::tools
