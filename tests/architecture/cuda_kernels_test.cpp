// A rule of CUDA kernels that no compiler checks (kernels/cuda/launch.h): they wait for the kernel before them.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>

namespace {

namespace fs = std::filesystem;

// The text between the brace at `open` and its partner.
std::string body_at(const std::string& text, size_t open) {
  int depth = 0;
  for (size_t i = open; i < text.size(); ++i) {
    if (text[i] == '{') ++depth;
    if (text[i] == '}' && --depth == 0) return text.substr(open + 1, i - open - 1);
  }
  return {};
}

// The first brace after `from` outside of parentheses: where a function's body begins.
size_t body_of_function(const std::string& text, size_t from) {
  int depth = 0;
  for (size_t i = from; i < text.size(); ++i) {
    if (text[i] == '(') ++depth;
    if (text[i] == ')') --depth;
    if (text[i] == '{' && depth == 0) return i;
  }
  return std::string::npos;
}

// At once, or after it has prepared barriers of its own; packing of weights may wait later.
bool waits(const std::string& body) {
  const std::string first = body.substr(std::min(body.find_first_not_of(" \n"), body.size()));
  if (first.rfind("wait_for_kernel_before();", 0) == 0) return true;
  const bool prepares =
      body.find("mbarrier_init(") != std::string::npos || body.find("if (!beside_copy) wait_") != std::string::npos;
  return prepares && body.find("wait_for_kernel_before();") != std::string::npos;
}

TEST(Architecture, EveryCudaKernelWaitsForTheOneBefore) {
  int kernels = 0;
  for (const auto& entry : fs::recursive_directory_iterator(fs::path(TESSERA_SOURCE_DIR) / "kernels")) {
    if (entry.path().extension() != ".cu" && entry.path().extension() != ".h") continue;
    std::ifstream in(entry.path());
    std::string text;
    for (std::string line; std::getline(in, line);) text += line.substr(0, line.find("//")) + "\n";
    for (size_t at = text.find("__global__"); at != std::string::npos; at = text.find("__global__", at + 1)) {
      ++kernels;
      const size_t open = body_of_function(text, at);
      ASSERT_NE(open, std::string::npos) << entry.path();
      EXPECT_TRUE(waits(body_at(text, open)))
          << entry.path() << " has a kernel that does not call wait_for_kernel_before() first:\n"
          << text.substr(at, open - at);
    }
    EXPECT_EQ(text.find("<<<"), std::string::npos) << entry.path() << " starts a kernel without launch()";
  }
  EXPECT_GT(kernels, 50) << "the test found hardly any kernels: is TESSERA_SOURCE_DIR right?";
}

}  // namespace
