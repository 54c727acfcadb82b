#include "core/atomic_file.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>
#include <vector>

#include "tests/data/temporary_folder.h"

namespace tessera {
namespace {

namespace fs = std::filesystem;

std::string text_of(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::stringstream text;
  text << stream.rdbuf();
  return text.str();
}

void write(const fs::path& file, const std::string& text) {
  write_file_atomically(file, [&](std::ostream& stream) { stream << text; });
}

size_t files_in(const data::TemporaryFolder& folder) {
  return static_cast<size_t>(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()));
}

TEST(AtomicFile, ReplacesAFileWhole) {
  const data::TemporaryFolder folder;
  write(folder / "a", "old");
  const std::string large(1 << 20, 'x');
  write_file_atomically(folder / "a", [&](std::ostream& stream) {
    stream << "head " << large << std::flush;
    EXPECT_EQ(text_of(folder / "a"), "old") << "until the end";
    stream.put('!');
  });
  EXPECT_EQ(text_of(folder / "a"), "head " + large + "!");
  write(folder / "a", "");
  EXPECT_EQ(text_of(folder / "a"), "");
  EXPECT_EQ(files_in(folder), 1u);
}

TEST(AtomicFile, AnErrorOfTheWriterLeavesTheOldFile) {
  const data::TemporaryFolder folder;
  write(folder / "a", "old");
  EXPECT_THROW(write_file_atomically(folder / "a",
                                     [](std::ostream& stream) {
                                       stream << "half";
                                       throw ValueError("no");
                                     }),
               ValueError);
  EXPECT_EQ(text_of(folder / "a"), "old");
  EXPECT_EQ(files_in(folder), 1u);
  EXPECT_THROW(write(folder / "none/a", "x"), FileError);
  EXPECT_THROW(write(folder.path(), "x"), FileError);
}

TEST(AtomicFile, KilledWritersLeaveOneTemporaryAtMost) {
  const data::TemporaryFolder folder;
  write(folder / "a", "old");
  for (int i = 0; i < 3; ++i) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      write_file_atomically(folder / "a", [](std::ostream& stream) {
        stream << "half of something longer than what follows" << std::flush;
        kill(getpid(), SIGKILL);
      });
      _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));
    EXPECT_EQ(text_of(folder / "a"), "old");
    EXPECT_EQ(files_in(folder), 2u);
  }
  write(folder / "a", "new");
  EXPECT_EQ(text_of(folder / "a"), "new");
  EXPECT_EQ(files_in(folder), 1u);
}

TEST(AtomicFile, WritersOfTheSameFileWaitForEachOther) {
  const data::TemporaryFolder folder;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        write_file_atomically(
            folder / "a",
            [&](std::ostream& stream) {
              for (int k = 0; k < 100; ++k) stream << t << std::flush;
            },
            Durability::Process);
        const std::string text = text_of(folder / "a");
        EXPECT_EQ(text, std::string(100, text.empty() ? '?' : text[0]));
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(files_in(folder), 1u);
}

}  // namespace
}  // namespace tessera
