// Reference cases of the shared folder, and comparison with them.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "nn/serialize/safetensors.h"
#include "tests/support/numbers.h"

namespace tessera::testing_support {

// The cases in golden/FOLDER whose file name begins with `prefix`, in order. Empty where the shared folder is missing.
inline std::vector<std::string> golden_files(const std::string& folder, const std::string& prefix) {
  std::vector<std::string> files;
  const std::filesystem::path path = std::filesystem::path(TESSERA_SHARED_DIR) / "golden" / folder;
  if (!std::filesystem::exists(path)) return files;
  for (const auto& entry : std::filesystem::directory_iterator(path))
    if (entry.path().filename().string().starts_with(prefix)) files.push_back(entry.path().string());
  std::sort(files.begin(), files.end());
  return files;
}

inline double largest(const std::vector<double>& values) {
  double magnitude = 0;
  for (double v : values) magnitude = std::max(magnitude, std::abs(v));
  return magnitude;
}

// Every |actual - expected| is at most tolerance times the largest expected magnitude, or least_scale if that is larger.
inline void expect_close(const std::vector<double>& actual, const std::vector<double>& expected, double tolerance,
                         const std::string& what, double least_scale = 0) {
  ASSERT_EQ(actual.size(), expected.size()) << what;
  const double scale = std::max(largest(expected), least_scale);
  for (size_t i = 0; i < actual.size(); ++i)
    ASSERT_LE(std::abs(actual[i] - expected[i]), tolerance * scale)
        << what << ", element " << i << ": " << actual[i] << " for " << expected[i];
}

}  // namespace tessera::testing_support
