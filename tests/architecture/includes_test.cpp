// The arrows of the house (CONTRIBUTING.md), read off the includes, so that they cannot rot.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>

namespace {

namespace fs = std::filesystem;

const std::map<std::string, std::set<std::string>> kMayInclude = {
    {"kernels", {"kernels"}},
    {"core", {"core", "kernels"}},
    {"nn", {"nn", "core", "kernels"}},
    {"data", {"data", "core"}},
    {"models", {"models", "nn", "core"}},
    {"tools", {"tools", "models", "data", "nn", "core"}},
};

// nn's optimisers own their kernels; everything else above core reaches them through ops.
bool allowed(const fs::path& file, const std::string& from, const std::string& to) {
  if (from == "nn" && to == "kernels") return file.string().find("nn/optim/") != std::string::npos;
  return kMayInclude.at(from).count(to) > 0;
}

// Calls check(file, included path) for each `#include "folder/..."` of the tree's sources.
template <class Check> int for_each_include(Check&& check) {
  const std::regex include("^#include [\"<]([a-z_]+)/([^\">]+)[\">]");
  int count = 0;
  for (const auto& [folder, targets] : kMayInclude)
    for (const auto& entry : fs::recursive_directory_iterator(fs::path(TESSERA_SOURCE_DIR) / folder)) {
      const std::string extension = entry.path().extension();
      if (extension != ".h" && extension != ".cpp" && extension != ".cu" && extension != ".cuh") continue;
      std::ifstream in(entry.path());
      for (std::string line; std::getline(in, line);) {
        std::smatch match;
        if (!std::regex_search(line, match, include)) continue;
        ++count;
        check(folder, entry.path(), match[1].str());
      }
    }
  return count;
}

TEST(Architecture, IncludesFollowTheArrows) {
  const std::set<std::string> folders = {"kernels", "core", "nn", "data", "models", "tools", "tests", "bench"};
  const int count = for_each_include([&](const std::string& from, const fs::path& file, const std::string& to) {
    if (folders.count(to) == 0) return;
    EXPECT_TRUE(allowed(file, from, to)) << file << " includes " << to << "/, which " << from << "/ must not";
  });
  EXPECT_GT(count, 100) << "the test found hardly any includes: is TESSERA_SOURCE_DIR right?";
}

TEST(Architecture, KernelsKnowNoTensor) {
  for (const auto& entry : fs::recursive_directory_iterator(fs::path(TESSERA_SOURCE_DIR) / "kernels")) {
    if (!entry.is_regular_file()) continue;
    std::ifstream in(entry.path());
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    EXPECT_FALSE(std::regex_search(text, std::regex("\\bTensor\\b(?! Cores)"))) << entry.path();
  }
}

}  // namespace
