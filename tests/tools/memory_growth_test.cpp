// A training run's memory: what is taken in the first steps is all it takes.
#include <unistd.h>

#include <chrono>
#include <thread>

#include "tests/tools/run_command.h"

namespace tessera::tools {
namespace {

class MemoryGrowth : public CommandTest {
 protected:
  // The largest resident memory of a run in KiB, as the kernel keeps it (VmHWM), looked at until the run ends: the last look may
  // be a few milliseconds early. It starts anew with the program, unlike what wait4() tells.
  int64_t peak_of(const std::string& arguments) {
    const pid_t child = fork();
    if (child == 0) {
      execl("/bin/sh", "sh", "-c", shell_line(arguments).c_str(), nullptr);
      _exit(127);
    }
    int64_t peak = 0;
    int status = 0;
    while (waitpid(child, &status, WNOHANG) == 0) {
      std::ifstream stream("/proc/" + std::to_string(child) + "/status");
      for (std::string line; std::getline(stream, line);)
        if (line.starts_with("VmHWM:")) peak = std::stoll(line.substr(6));
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    EXPECT_EQ(result(status).code, 0) << result(status).err;
    return peak;
  }
};

// 80 scenes in batches of 4: an epoch is 20 steps, after which every scene, batch size and validation has been there. Kept
// activations would add 64 KiB a step and tensor, 11 MiB in the 180 steps after; the allocator's own wanderings stay below 4.
TEST_F(MemoryGrowth, TwoHundredStepsTakeWhatTwentyTake) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the address sanitizer keeps freed memory for a while";
#endif
  const std::string train = "train --dataset shapes --samples 80 --size 32x32 --feature-scale 16 --batch-size 4 --schedule none ";
  const int64_t twenty = peak_of(train + "-e 1 -o short"), two_hundred = peak_of(train + "-e 10 -o long");
  RecordProperty("KiB_after_20_steps", static_cast<int>(twenty));
  RecordProperty("KiB_after_200_steps", static_cast<int>(two_hundred));
  EXPECT_GT(twenty, 10'000) << "the run was seen";
  EXPECT_LE(two_hundred - twenty, 4 * 1024);
}

}  // namespace
}  // namespace tessera::tools
