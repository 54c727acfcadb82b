#include "core/ops.h"
#include "nn/serialize/npy.h"
#include "nn/serialize/pth.h"
#include "nn/serialize/safetensors.h"
#include "tests/support/pickles.h"
#include "tests/tools/run_command.h"

namespace tessera::tools {
namespace {

using namespace testing_support;
using Info = CommandTest;

void expect_parts(const std::string& text, const std::vector<std::string>& parts) {
  for (const std::string& part : parts) EXPECT_NE(text.find(part), std::string::npos) << part << " in: " << text;
}

TEST_F(Info, ListsNamesShapesDtypesAndTotals) {
  save_safetensors(folder("a.safetensors"),
                   {{{"conv.weight", ones({4, 3})}, {"bn.running_mean", ones({4}, kHalf)}}, {{"note", "by hand"}}});
  const Result a = tessera("info a.safetensors");
  EXPECT_EQ(a.code, 0) << a.err;
  expect_parts(a.out, {"a.safetensors: safetensors, ", "conv.weight      float32           12          48  [4, 3]", "float16",
                       "2 tensors: 12 parameters and 4 running statistics, 56 bytes", "note: by hand"});
  save_npy(folder("b.npy"), ones({2}, kInt64));
  expect_parts(tessera("info b.npy").out, {"NumPy", "int64", "1 tensors: 2 parameters, 16 bytes"});
}

TEST_F(Info, ShowsWhatStandsBesideTheModelOfACheckpoint) {
  std::ofstream(folder("c.pth"), std::ios::binary)
      << pth_of(dict({{"epoch", "K\x07"},
                      {"model", dict({{"w", rebuilt(storage("FloatStorage", "0", 2), 0, {2}, {1})}})},
                      {"optimizer", "}"}}),
                {raw<float>({1, 2})});
  const Result c = tessera("info c.pth");
  EXPECT_EQ(c.code, 0) << c.err;
  expect_parts(c.out, {"c.pth: PyTorch, ", "epoch: 7", "besides: optimizer (dict)"});
}

TEST_F(Info, OfARunsCheckpoint) {
  ASSERT_EQ(tessera(kTiny + "-e 1 -o run").code, 0);
  const Result r = tessera("info run/last.safetensors");
  EXPECT_EQ(r.code, 0) << r.err;
  expect_parts(r.out, {"Tessera checkpoint", "conv1.conv1.0.weight", "epoch: 1", "besides: optimizer ("});
  EXPECT_EQ(r.out.find("optimizer.0"), std::string::npos) << r.out;
}

TEST_F(Info, Errors) {
  expect_error(tessera("info"), 2, {"file"});
  expect_error(tessera("info none.pth"), 1, {"none.pth", "no such file"});
  std::ofstream(folder("text.pth")) << "not a weight file";
  expect_error(tessera("info text.pth"), 1, {"text.pth", "no weight file"});
  std::ofstream(folder("hostile.pth"), std::ios::binary) << pth_of("cposix\nsystem\n(" + pickled("touch pwned") + "tR", {});
  expect_error(tessera("info hostile.pth"), 1, {"hostile.pth", "posix.system"});
  EXPECT_FALSE(std::filesystem::exists(folder("pwned")));
}

}  // namespace
}  // namespace tessera::tools
