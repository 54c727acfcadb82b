// --config, --set, and what is said about names that do not exist.
#include <nlohmann/json.hpp>

#include "tests/tools/run_command.h"
#include "tools/command.h"
#include "tools/config_file.h"
#include "tools/nearest_name.h"

namespace tessera::tools {
namespace {

using data::message_of;

TEST(NearestName, WithFewEdits) {
  const std::vector<std::string> names = {"lr", "batch-size", "epochs", "seed"};
  EXPECT_EQ(nearest_name("batch_size", names), "batch-size");
  EXPECT_EQ(nearest_name("epohcs", names), "epochs");
  EXPECT_EQ(nearest_name("epoch", names), "epochs");
  EXPECT_EQ(nearest_name("rate", names), "");
  EXPECT_EQ(nearest_name("", names), "");
}

class ConfigFile : public testing::Test {
 protected:
  std::string file(const std::string& text) const {
    std::ofstream(folder_ / "c.json") << text;
    return folder_ / "c.json";
  }
  TrainOptions read(const std::string& text, const std::vector<std::string>& assignments = {}, std::set<std::string> given = {},
                    const TrainOptions& flags = {}) const {
    return configured(flags, given, {file(text), assignments});
  }
  std::string refusal(const std::string& text, const std::vector<std::string>& assignments = {}) const {
    return message_of<UsageError>([&] { read(text, assignments); });
  }
  data::TemporaryFolder folder_;
};

TEST_F(ConfigFile, FlagsWinOverAssignmentsWinOverTheFile) {
  TrainOptions flags;
  flags.optimization.seed = 3;
  flags.optimization.momentum = 0.5;  // not given: does not count
  const TrainOptions o = read(R"({"lr": 0.25, "seed": 1, "wd": 0.125,  // by another name
                                  "optimizer": "sgd", "setting": {"a": "b"}})",
                              {"seed=2", "optimizer=adam", "setting.c=1", "freeze=[\"x\"]"}, {"seed"}, flags);
  EXPECT_EQ(o.optimization.seed, 3u);
  EXPECT_EQ(o.optimization.optimizer, "adam");
  EXPECT_EQ(o.optimization.lr, 0.25);
  EXPECT_EQ(o.optimization.weight_decay, 0.125);
  EXPECT_EQ(o.optimization.momentum, 0.9);
  EXPECT_EQ(o.network.setting, (std::map<std::string, std::string>{{"a", "b"}, {"c", "1"}}));
  EXPECT_EQ(o.network.freeze, std::vector<std::string>{"x"});
}

TEST_F(ConfigFile, WhatItDoesNotKnowIsRefusedByName) {
  for (const char* part : {"c.json", "'batchsize' is no setting (Did you mean batch-size?)."})
    EXPECT_TRUE(data::contains(refusal(R"({"batchsize": 4})"), part)) << part;
  EXPECT_TRUE(data::contains(refusal("{}", {"learning_rat=1"}), "Did you mean learning-rate?"));
  EXPECT_TRUE(data::contains(refusal(R"({"lr": "fast"})"), "lr: \"fast\" is not a number"));
  EXPECT_TRUE(data::contains(refusal(R"({"epochs": 1.5})"), "epochs: 1.5 is not a whole number"));
  EXPECT_TRUE(data::contains(refusal(R"({"seed": -1})"), "seed: -1"));
  EXPECT_TRUE(data::contains(refusal(R"({"optimizer": "sdg"})"), "none of sgd"));
  EXPECT_TRUE(data::contains(refusal(R"({"augment": 1})"), "augment: 1 is not true or false"));
  EXPECT_TRUE(data::contains(refusal("{"), "no JSON"));
  EXPECT_TRUE(data::contains(refusal("[]"), "not an object"));
  EXPECT_TRUE(data::contains(refusal("{}", {"lr"}), "NAME=VALUE"));
}

TEST_F(ConfigFile, AllSettingsGoThroughJsonAndBack) {
  TrainOptions options;
  options.optimization.lr = 0.1;
  options.network.freeze = {"a", "b"};
  options.network.setting = {{"k", "v"}};
  options.network.batchnorm = false;
  options.optimization.seed = UINT64_MAX;
  const nlohmann::json json = options;
  EXPECT_EQ(nlohmann::json(json.get<TrainOptions>()), json);
  EXPECT_EQ(json.size(), [&] {
    size_t count = 0;
    for (const SettingGroup& group : all_settings(options)) count += group.settings.size();
    return count;
  }()) << "two settings of one name";
}

using TrainConfig = CommandTest;

TEST_F(TrainConfig, TheConfigOfARunGivesItsBytes) {
  ASSERT_EQ(tessera(kTiny + "-e 1 --lr 1e-3 --loss dice+ce -o a").code, 0);
  const Result again = tessera("train --config a/config.json -o b");
  ASSERT_EQ(again.code, 0) << again.err;
  EXPECT_TRUE(read_text(folder("a/last.safetensors")) == read_text(folder("b/last.safetensors")));
  expect_error(tessera("train --config a/config.json --resume -o a"), 2, {"--config", "--resume"});
}

TEST_F(TrainConfig, AWrongFlagNamesTheNearest) {
  expect_error(tessera("train --epoch 3"), 2, {"--epoch", "Did you mean --epochs?"});
  expect_error(tessera("trian"), 2, {"'trian' is no subcommand", "Did you mean train?"});
  expect_error(tessera("train --set lr=fast"), 2, {"--set", "lr", "fast"});
}

}  // namespace
}  // namespace tessera::tools
