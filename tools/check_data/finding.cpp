#include "tools/check_data/finding.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace tessera::tools {

std::string to_string(Severity severity) {
  return severity == Severity::error ? "error" : severity == Severity::warning ? "warning" : "note";
}

std::string listed(const std::vector<std::string>& examples, int64_t count) {
  const size_t shown = std::min(examples.size(), kExamples);
  std::string text = fmt::format("{}", fmt::join(examples.begin(), examples.begin() + static_cast<ptrdiff_t>(shown), ", "));
  if (count > static_cast<int64_t>(shown) && shown > 0) text += fmt::format(" and {} more", count - static_cast<int64_t>(shown));
  return text;
}

std::string counted(int64_t count, const std::string& one, const std::string& many) {
  return fmt::format("{} {}", count, count == 1 ? one : many.empty() ? one + "s" : many);
}

std::string one_line(const Finding& finding) {
  std::string line = finding.what;
  if (!finding.examples.empty()) line += ": " + listed(finding.examples, finding.count);
  line += ".";
  if (!finding.remedy.empty()) line += " " + finding.remedy + ".";
  std::replace(line.begin(), line.end(), '\n', ' ');
  return line;
}

}  // namespace tessera::tools
