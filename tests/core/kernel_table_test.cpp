// Overrides: which names are taken, and that they choose.
#include "core/kernel_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>

#include "core/ops.h"

namespace tessera {
namespace {

namespace fs = std::filesystem;

// The list in kernel_table.cpp against the kernels that the sources name.
TEST(KernelTable, KnowsTheKernelsOfTheSources) {
  std::set<std::string> found;
  const std::regex macro("TESSERA_(?:REFERENCE_|CUDNN_ONLY_)?KERNEL(?:_AND_CUDNN)?\\(([a-z0-9_]+)\\)"),
      spelled("Kernel<kernels::\\w+> \\w+\\{\"([a-z0-9_]+)\"");
  for (const char* folder : {"core", "nn"})
    for (const auto& entry : fs::recursive_directory_iterator(fs::path(TESSERA_SOURCE_DIR) / folder)) {
      if (entry.path().extension() != ".cpp") continue;
      std::ifstream in(entry.path());
      const std::string text(std::istreambuf_iterator<char>(in), {});
      for (std::sregex_iterator it(text.begin(), text.end(), macro), end; it != end; ++it) found.insert((*it)[1]);
      for (std::sregex_iterator it(text.begin(), text.end(), spelled), end; it != end; ++it) found.insert((*it)[1]);
    }
  const std::vector<std::string> known = kernel_names();
  EXPECT_TRUE(std::is_sorted(known.begin(), known.end()));
  EXPECT_EQ(std::set<std::string>(known.begin(), known.end()), found);
}

TEST(KernelTable, UnknownNamesAreRefused) {
  EXPECT_THROW(set_kernels("conv3d=reference"), ValueError);
  EXPECT_THROW(set_kernels("conv2d_=reference"), ValueError);
  EXPECT_THROW(set_kernels("softmax=fast"), ValueError);
  EXPECT_THROW(set_kernels("fast"), ValueError);
  for (const char* fine : {"conv2d=reference", "conv2d_forward=cpu,softmax=reference", "reference", "reference,matmul=best", ""})
    EXPECT_NO_THROW(set_kernels(fine)) << fine;
  set_kernels("");
}

TEST(KernelTable, CpuMeansTheFastKernel) {
  const Tensor x = zeros({3});
  set_kernels("index_copy=cpu");  // which has none
  EXPECT_THROW(index_put(x, {tensor({0})}, ones({1})), DeviceError);
  set_kernels("index_copy=best");
  EXPECT_NO_THROW(index_put(x, {tensor({0})}, ones({1})));
  set_kernels("unary=cpu");
  EXPECT_NO_THROW(exp(x));
  set_kernels("");
}

}  // namespace
}  // namespace tessera
