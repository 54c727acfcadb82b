// Running the `tessera` command as a user does, and looking at what it says.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "tests/data/temporary_folder.h"

namespace tessera::tools {

inline std::string read_text(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::stringstream text;
  text << stream.rdbuf();
  return text.str();
}

struct Result {
  int code;
  std::string out, err;
};

// A test with an empty folder of its own, which the command runs in.
class CommandTest : public testing::Test {
 protected:
  std::filesystem::path folder(const std::string& name = "") const { return folder_ / name; }

  // The shell's line "cd FOLDER && before && exec tessera arguments", with two threads at most, however many the machine has.
  std::string shell_line(const std::string& arguments, const std::string& before = ":") const {
    return "cd '" + folder_.path().string() + "' && " + before +
           " && exec env OMP_NUM_THREADS=2 '" TESSERA_COMMAND "' >stdout.txt 2>stderr.txt " + arguments;
  }

  Result result(int status) const {
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_text(folder("stdout.txt")), read_text(folder("stderr.txt"))};
  }

  Result tessera(const std::string& arguments, const std::string& before = ":") const {
    return result(std::system(("sh -c \"" + shell_line(arguments, before) + "\"").c_str()));
  }

  // Expects an end with `code` and one line on stderr that has all of `parts`.
  void expect_error(const Result& result, int code, const std::vector<std::string>& parts) const {
    EXPECT_EQ(result.code, code) << result.err;
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
    EXPECT_TRUE(result.err.starts_with("tessera")) << result.err;
    for (const std::string& part : parts) EXPECT_NE(result.err.find(part), std::string::npos) << part << " in: " << result.err;
  }

 private:
  data::TemporaryFolder folder_;
};

// A training run of a second: drawn scenes of 32x32, the thinnest network.
inline const std::string kTiny = "train --dataset shapes --samples 24 --size 32x32 --feature-scale 16 --batch-size 4 ";

}  // namespace tessera::tools
