#include "tools/check_data/examination.h"

#include <algorithm>
#include <numeric>
#include <set>

namespace tessera::tools {
namespace fs = std::filesystem;
namespace {

template <class Map> void add_all(Map& sums, const Map& counts) {
  for (const auto& [key, count] : counts) sums[key].add(count);
}

}  // namespace

std::map<int64_t, Occurrence> Examination::values() const {
  std::map<int64_t, Occurrence> all;
  for (const SplitExamination& split : splits) add_all(all, split.survey.values);
  return all;
}

std::map<uint32_t, Occurrence> Examination::colors() const {
  std::map<uint32_t, Occurrence> all;
  for (const SplitExamination& split : splits) add_all(all, split.survey.colors);
  return all;
}

int64_t Examination::pairs_read() const {
  return std::accumulate(splits.begin(), splits.end(), int64_t{0},
                         [](int64_t sum, const SplitExamination& split) { return sum + split.survey.read_pairs; });
}

std::string short_path(const Examination& examination, const fs::path& file) {
  const fs::path relative = file.lexically_relative(examination.data);
  return relative.empty() || *relative.begin() == ".." ? file.string() : relative.string();
}

Matches find_pairs(const Examination& examination, const std::function<bool(const PairFacts&)>& wanted) {
  Matches matches;
  for (const SplitExamination& split : examination.splits)
    for (size_t i = 0; i < split.survey.pairs.size(); ++i) {
      if (!wanted(split.survey.pairs[i])) continue;
      ++matches.count;
      if (matches.images.size() >= kExamples) continue;
      matches.images.push_back(short_path(examination, split.files.pairs[i].image));
      matches.masks.push_back(short_path(examination, split.files.pairs[i].label));
    }
  return matches;
}

std::vector<Finding> all_findings(const Examination& examination) {
  std::vector<Finding> all;
  for (const auto& findings : {pairing_findings, file_findings, encoding_findings, class_findings, duplicate_findings})
    for (Finding& finding : findings(examination)) all.push_back(std::move(finding));
  // A general error has nothing to add to a particular one.
  if (std::none_of(all.begin(), all.end(), [](const Finding& finding) { return finding.is_error(); }))
    all.insert(all.begin(), examination.problems.begin(), examination.problems.end());
  static const std::set<std::string> skipped = {"missing-masks",    "missing-pictures", "unreadable-pictures",
                                                "unreadable-masks", "size-mismatch",    "value-out-of-range"};
  for (Finding& finding : all)
    if (examination.skip_bad && finding.is_error() && skipped.contains(finding.code)) finding.severity = Severity::warning;
  std::stable_sort(all.begin(), all.end(), [](const Finding& a, const Finding& b) { return a.severity < b.severity; });
  return all;
}

}  // namespace tessera::tools
