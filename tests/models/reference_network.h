// Whole networks against the reference cases of the shared folder, through the code of `tessera verify`.
#pragma once

#include "tests/support/golden.h"
#include "tools/verify/reference_case.h"

namespace tessera::testing_support {

inline tools::CaseResult run_reference(const tools::ReferenceCase& c, ScalarType dtype) {
  return c.kind == "listing" ? tools::verify_listing(c) : tools::verify_model(c, {kCPU, dtype});
}

// Every case whose file name begins with `prefix` holds; skipped where the shared folder is missing.
inline void expect_reference_cases(const std::string& prefix, ScalarType dtype) {
  const auto files = golden_files("models", prefix);
  if (files.empty()) GTEST_SKIP() << "no reference cases in " << TESSERA_SHARED_DIR;
  for (const std::string& file : files) {
    const tools::CaseResult result = run_reference(tools::load_case(file), dtype);
    EXPECT_TRUE(result.status == tools::CaseResult::Status::Passed) << file << ": " << result.detail << ", " << result.error;
  }
}

}  // namespace tessera::testing_support
