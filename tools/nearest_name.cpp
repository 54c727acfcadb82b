#include "tools/nearest_name.h"

#include <algorithm>

namespace tessera::tools {
namespace {

// Optimal string alignment distance: three rows of the dynamic programme are enough.
size_t edits(const std::string& a, const std::string& b) {
  std::vector<size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

}  // namespace

std::string nearest_name(const std::string& text, const std::vector<std::string>& names) {
  std::string wanted = text;
  std::replace(wanted.begin(), wanted.end(), '_', '-');
  std::string nearest;
  size_t fewest = std::max<size_t>(1, wanted.size() / 3) + 1;
  for (const std::string& name : names) {
    if (const size_t count = edits(wanted, name); count < fewest) {
      fewest = count;
      nearest = name;
    }
  }
  return nearest;
}

std::string did_you_mean(const std::string& text, const std::vector<std::string>& names, const std::string& prefix) {
  const std::string nearest = nearest_name(text, names);
  return nearest.empty() ? "" : " (Did you mean " + prefix + nearest + "?)";
}

}  // namespace tessera::tools
