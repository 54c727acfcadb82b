#include "tools/check_data/quick_check.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "tools/check_data/examine.h"

namespace tessera::tools {

std::vector<Finding> quick_check(const std::string& data, const data::OpenOptions& open, std::chrono::milliseconds budget) {
  return all_findings(examine(data, open, {.budget = budget}));
}

void require_usable_data(const std::string& data, const data::OpenOptions& open) {
  const std::vector<Finding> findings = quick_check(data, open);
  for (const Finding& finding : findings)
    if (finding.severity == Severity::warning) fmt::print("warning: {}\n", one_line(finding));
  const auto errors = std::count_if(findings.begin(), findings.end(), [](const Finding& finding) { return finding.is_error(); });
  if (errors == 0) return;
  throw FileError(fmt::format("train: {} ({}tessera check-data --data {} shows all)", one_line(findings.front()),
                              errors == 1 ? "" : fmt::format("one of {} errors; ", errors), data));
}

}  // namespace tessera::tools
