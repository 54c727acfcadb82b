// A run that is stopped or killed anywhere and goes on ends in the bytes of the run that was left alone.
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <random>
#include <thread>

#include "tests/tools/event_reader.h"
#include "tests/tools/run_command.h"

namespace tessera::tools {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

struct Recipe {
  const char* name;
  const char* flags;
};

class Resume : public CommandTest, public testing::WithParamInterface<Recipe> {
 protected:
  pid_t start(const std::string& arguments) const {
    const pid_t child = fork();
    if (child == 0) {
      execl("/bin/sh", "sh", "-c", shell_line(arguments).c_str(), nullptr);
      _exit(127);
    }
    return child;
  }

  // The time of the newest checkpoint of the run, or kNever.
  static constexpr auto kNever = fs::file_time_type::min();
  fs::file_time_type saved() const {
    fs::file_time_type newest = kNever;
    for (const char* file : {"cut/last.safetensors", "cut/stage1/last.safetensors"}) {
      std::error_code none;
      const auto time = fs::last_write_time(folder(file), none);
      if (!none) newest = std::max(newest, time);
    }
    return newest;
  }

  // Runs until a step was saved and a random while after that, then sends the signal. Returns how the process ended.
  int cut(const std::string& arguments, int signal, std::chrono::microseconds after) const {
    const auto before = saved();
    const pid_t child = start(arguments);
    int status = 0;
    while (saved() == before)
      if (waitpid(child, &status, WNOHANG) != 0)
        return status;  // it came to its end first
      else
        std::this_thread::sleep_for(200us);
    std::this_thread::sleep_for(after);
    kill(child, signal);
    waitpid(child, &status, 0);
    return status;
  }
};

TEST_P(Resume, AfterSignalsAnywhereGivesTheBytesOfTheUninterruptedRun) {
  const std::string train = kTiny + "-e 4 --log-every 1 --save-every-steps 1 " + GetParam().flags;
  ASSERT_EQ(tessera(train + " -o whole").code, 0);
  std::mt19937 random(std::random_device{}());
  int killed = 0;
  const int signals[] = {SIGKILL, SIGINT, SIGKILL, SIGKILL, SIGTERM, SIGKILL};
  for (const int signal : signals) {
    const auto after = std::chrono::microseconds(std::uniform_int_distribution(0, 40000)(random));
    const int status = cut(saved() == kNever ? train + " -o cut" : "train --resume -o cut", signal, after);
    if (signal == SIGKILL && WIFSIGNALED(status))
      ++killed;
    else if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
      break;  // the end came before the signal
    else {
      EXPECT_EQ(result(status).code, 130) << result(status).out << result(status).err;
      EXPECT_NE(result(status).out.find("saved cut/"), std::string::npos) << result(status).out;
    }
  }
  EXPECT_GE(killed, 1);
  const Result resumed = tessera("train --resume -o cut");
  ASSERT_EQ(resumed.code, 0) << resumed.err;
  for (const std::string part : {"", "stage1/"}) {
    if (!fs::exists(folder("whole/" + part))) continue;
    for (const char* file : {"last.safetensors", "best.safetensors", "metrics.csv"})
      EXPECT_TRUE(read_text(folder("whole/" + part + file)) == read_text(folder("cut/" + part + file))) << part << file;
    EXPECT_EQ(logged(folder("whole/" + part)), logged(folder("cut/" + part)));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Recipes, Resume,
    testing::Values(Recipe{"AdamwOneCycle", "--optimizer adamw"},
                    Recipe{"SgdPlateauWithoutWorkers", "--optimizer sgd --schedule plateau -j 0"},
                    Recipe{"RmspropAverageAndMixture",
                           "--optimizer rmsprop --schedule cosine --warmup-epochs 1 --ema 0.9 --loss ce+0.5*dice --patience 50"},
                    Recipe{"TwoStages", "--two-stage --stage-epochs 2 --schedule poly --optimizer adagrad --clip-grad 1"}),
    [](const auto& info) { return info.param.name; });

using Runs = CommandTest;

TEST_F(Runs, ResumeWithoutANameTakesTheNewest) {
  ASSERT_EQ(tessera(kTiny + "-e 1 --schedule none -o runs/a").code, 0);
  ASSERT_EQ(tessera(kTiny + "-e 1 --schedule none -o runs/b").code, 0);
  EXPECT_NE(tessera("train --resume -e 2").out.find("Wrote runs/b/best"), std::string::npos);
  EXPECT_NE(tessera("train --resume runs/a -e 3").out.find("Wrote runs/a/best"), std::string::npos);  // a folder
  EXPECT_NE(tessera("train --resume").out.find("Wrote runs/a/best"), std::string::npos);
  fs::remove_all(folder("runs"));
  expect_error(tessera("train --resume"), 1, {"no run in runs has a last.safetensors", "--output"});
}

TEST_F(Runs, ANewRunSetsAnEarlierOneAside) {
  ASSERT_EQ(tessera(kTiny + "-e 1 -o run").code, 0);
  const std::string before = read_text(folder("run/best.safetensors"));
  ASSERT_EQ(tessera(kTiny + "-e 1 --seed 1 -o run").code, 0);
  EXPECT_TRUE(read_text(folder("run/previous_best.safetensors")) == before);
  EXPECT_FALSE(read_text(folder("run/best.safetensors")) == before);
  const auto tags = logged(folder("run"));
  EXPECT_EQ(std::count(tags.begin(), tags.end(), "val/loss 6"), 1) << "the earlier run's events are gone";
}

TEST_F(Runs, KeepTheNewestEpochs) {
  ASSERT_EQ(tessera(kTiny + "-e 5 --save-every 1 --keep 2 -o run").code, 0);
  for (int epoch = 1; epoch <= 5; ++epoch)
    EXPECT_EQ(fs::exists(folder("run/epoch_" + std::to_string(epoch) + ".safetensors")), epoch > 3) << epoch;
  EXPECT_TRUE(read_text(folder("run/epoch_5.safetensors")) == read_text(folder("run/last.safetensors")));
}

}  // namespace
}  // namespace tessera::tools
