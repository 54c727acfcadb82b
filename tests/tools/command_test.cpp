#include "tests/tools/run_command.h"

namespace tessera::tools {
namespace {

using Command = CommandTest;

TEST_F(Command, SaysItsVersion) {
  const Result version = tessera("--version");
  EXPECT_EQ(version.code, 0);
  EXPECT_TRUE(version.out.starts_with("tessera 0.")) << version.out;
}

TEST_F(Command, HelpHasALineForEachSubcommandAndShowsDefaults) {
  const Result help = tessera("-h");
  EXPECT_EQ(help.code, 0);
  for (const char* name : {"\n  train ", "\n  predict "}) EXPECT_NE(help.out.find(name), std::string::npos) << help.out;
  const Result train = tessera("train -h");
  EXPECT_EQ(train.code, 0);
  for (const char* text : {"--feature-scale", "-e,--epochs", "adamw", "onecycle", "--lr,--learning-rate"})
    EXPECT_NE(train.out.find(text), std::string::npos) << text << " in: " << train.out;
}

TEST_F(Command, UsageErrorsExitWith2) {
  expect_error(tessera(""), 2, {"subcommand"});
  expect_error(tessera("dance"), 2, {"dance"});
  expect_error(tessera("train --colour red"), 2, {"tessera train:", "--colour", "--help"});
  expect_error(tessera("train --epochs many"), 2, {"--epochs", "many"});
  expect_error(tessera("train --epochs 0"), 2, {"--epochs", "0"});
  expect_error(tessera("train --optimizer lion"), 2, {"--optimizer", "lion"});
  expect_error(tessera("train --epochs 99999999999"), 2, {"--epochs", "99999999999"});
  expect_error(tessera("train --samples 99999999999"), 2, {"--samples", "99999999999"});
  expect_error(tessera("train --batch-size 9223372036854775807"), 2, {"--batch-size"});
  expect_error(tessera("train --seed -1"), 2, {"--seed", "-1"});
  expect_error(tessera("train --size 8192x8192"), 2, {"--size", "4096"});
  expect_error(tessera("train --size 32"), 2, {"--size", "'32'", "360x480"});
  expect_error(tessera("train --dataset folder"), 2, {"--data"});
  expect_error(tessera("train --data x --samples 3"), 2, {"--samples"});
  expect_error(tessera("train --model resnet18"), 2, {"--model", "resnet18"});  // one answer for a whole picture
  expect_error(tessera("train -s feature_scale=16 --feature-scale 16"), 2, {"--feature-scale", "--setting"});
  expect_error(tessera("train -s colour=red -o run"), 1, {"colour", "feature_scale"});
  expect_error(tessera("predict -i x.png"), 2, {"--model"});
  EXPECT_TRUE(std::filesystem::is_empty(folder()) || !std::filesystem::exists(folder("runs")));
}

TEST_F(Command, RunTimeErrorsExitWith1AndNameTheFile) {
  expect_error(tessera("train --data nowhere"), 1, {"nowhere"});
  expect_error(tessera("train --resume -o empty"), 1, {"empty/last.safetensors", "does not exist"});
  expect_error(tessera("predict -m none.safetensors -i x.png"), 1, {"none.safetensors"});
  expect_error(tessera("train --device cuda:99"), 1, {"cuda"});
}

TEST_F(Command, AnOutputFolderThatCannotBeMade) {
  std::ofstream(folder("file")) << "in the way";
  expect_error(tessera(kTiny + "-e 1 -o file/run"), 1, {"file/run", "--output"});
}

TEST_F(Command, StreamsThatCannotBeWritten) {
  EXPECT_EQ(tessera("train --lr -1 2>/dev/full").code, 2);
  expect_error(tessera(kTiny + "-e 1 -o run >/dev/full"), 1, {"standard output"});
}

TEST_F(Command, VerifySaysWhatIsMissing) {
  std::filesystem::create_directories(folder("empty"));
  for (const char* name : {"empty", "nowhere"}) {
    const Result run = tessera(std::string("verify ") + name);
    expect_error(run, 1, {name, "Name a folder"});
    EXPECT_EQ(run.out, "") << "no table without a case";
  }
  std::ofstream(folder("none.txt")) << "no case";
  const Result run = tessera("verify none.txt");
  EXPECT_EQ(run.code, 1);
  EXPECT_NE(run.out.find("1 failed"), std::string::npos) << run.out;
}

}  // namespace
}  // namespace tessera::tools
