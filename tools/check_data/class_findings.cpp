// Classes that are missing or rare, pictures that occur twice, and the numbers to paste.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "tools/check_data/examination.h"

namespace tessera::tools {
namespace {

int64_t pixels_of(const SplitExamination& split, int64_t value) {
  const auto found = split.survey.values.find(value);
  return found == split.survey.values.end() ? 0 : found->second.pixels;
}

const SplitExamination* split_named(const Examination& e, const std::string& name) {
  const auto found = std::find_if(e.splits.begin(), e.splits.end(), [&](const auto& split) { return split.name == name; });
  return found == e.splits.end() ? nullptr : &*found;
}

std::string named(const ClassTable& table, size_t i) {
  const std::string number = std::to_string(table.values[i]);
  return table.names[i] == "class_" + number ? number : fmt::format("{} ({})", number, table.names[i]);
}

void add_class_list(std::vector<Finding>& findings, Severity severity, const char* code, const std::string& what,
                    const std::string& remedy, std::vector<std::string> classes) {
  const auto count = static_cast<int64_t>(classes.size());
  if (count > 0)
    findings.push_back({severity, code, counted(count, "class ", "classes ") + what, remedy, count, std::move(classes)});
}

}  // namespace

std::vector<Finding> class_findings(const Examination& e) {
  std::vector<Finding> findings;
  const SplitExamination *const train = split_named(e, "train"), *const val = split_named(e, "val");
  if (!train || train->survey.values.empty() || !e.complete) return findings;
  const ClassTable table = class_table(e);
  int64_t all_pixels = 0;
  for (int64_t value : table.values) all_pixels += pixels_of(*train, value);
  std::vector<std::string> nowhere, only_val, not_in_val, rare;
  for (size_t i = 0; i < table.values.size(); ++i) {
    const int64_t in_train = pixels_of(*train, table.values[i]), in_val = val ? pixels_of(*val, table.values[i]) : 0;
    if (in_train == 0) (in_val == 0 ? nowhere : only_val).push_back(named(table, i));
    if (in_train > 0 && in_val == 0 && val && !val->survey.values.empty()) not_in_val.push_back(named(table, i));
    if (in_train > 0 && 1000 * in_train < all_pixels) rare.push_back(named(table, i));
  }
  add_class_list(findings, Severity::warning, "class-only-in-val", "occur in val and never in train",
                 "Move some of those pictures to train: what is never shown is never learnt", std::move(only_val));
  add_class_list(findings, Severity::warning, "class-missing", "never occur in the masks",
                 "Leave them out of --classes, or see whether the masks number classes as you think", std::move(nowhere));
  add_class_list(findings, Severity::note, "class-not-in-val", "occur in train and never in val",
                 "Their IoU will be missing from the figures", std::move(not_in_val));
  add_class_list(findings, Severity::note, "class-rare", "fill less than 0.1 % of the pixels of train",
                 "--class-weights median gives them weight", std::move(rare));
  return findings;
}

std::vector<Finding> duplicate_findings(const Examination& e) {
  struct First {
    size_t split, pair;
  };
  std::unordered_map<uint64_t, First> seen;
  Finding leak{Severity::warning,
               "train-in-val",
               "",
               "Remove them from one: figures over pictures that were trained on are too good",
               0,
               {}};
  Finding conflict{Severity::warning, "two-masks", "", "Keep the right one", 0, {}};
  Finding twice{Severity::note, "duplicates", "", "Nothing to do, unless that was not meant", 0, {}};
  for (size_t s = 0; s < e.splits.size(); ++s)
    for (size_t i = 0; i < e.splits[s].survey.pairs.size(); ++i) {
      const PairFacts& facts = e.splits[s].survey.pairs[i];
      if (facts.image.hash == 0) continue;
      const auto [at, is_new] = seen.try_emplace(facts.image.hash, First{s, i});
      if (is_new) continue;
      const First& first = at->second;
      const PairFacts& other = e.splits[first.split].survey.pairs[first.pair];
      Finding& finding = first.split != s ? leak : facts.mask.hash != other.mask.hash ? conflict : twice;
      ++finding.count;
      if (finding.examples.size() < kExamples)
        finding.examples.push_back(fmt::format("{} = {}", short_path(e, e.splits[s].files.pairs[i].image),
                                               short_path(e, e.splits[first.split].files.pairs[first.pair].image)));
    }
  std::vector<Finding> findings;
  const auto add = [&](Finding& finding, const std::string& one, const std::string& many) {
    if (finding.count == 0) return;
    finding.what = counted(finding.count, one, many);
    findings.push_back(finding);
  };
  add(leak, "picture occurs in two splits, pixel for pixel", "pictures occur in two splits, pixel for pixel");
  add(conflict, "picture occurs twice in a split, with different masks", "pictures occur twice in a split, with different masks");
  add(twice, "picture occurs twice in a split", "pictures occur twice in a split");
  return findings;
}

namespace {

void recommend_weights(const Examination& e, const SplitExamination& train, Recommendations& result) {
  const ClassTable table = class_table(e);
  result.classes = static_cast<int64_t>(table.values.size());
  int64_t all = 0;
  for (int64_t value : table.values) all += pixels_of(train, value);
  if (all == 0) return;
  std::vector<double> balanced;  // of the classes that occur
  for (int64_t value : table.values) {
    const auto found = train.survey.values.find(value);
    const bool present = found != train.survey.values.end() && found->second.pixels > 0;
    const double pixels = present ? static_cast<double>(found->second.pixels) : 0;
    result.frequencies.push_back(pixels / static_cast<double>(all));
    result.weights.push_back(present ? pixels / static_cast<double>(found->second.pixels_of_masks) : 0);
    if (present) balanced.push_back(result.weights.back());
  }
  std::sort(balanced.begin(), balanced.end());
  const size_t middle = balanced.size() / 2;
  const double median = balanced.size() % 2 == 1 ? balanced[middle] : (balanced[middle - 1] + balanced[middle]) / 2;
  for (double& weight : result.weights) weight = weight > 0 ? median / weight : 0;
}

void recommend_size(const Examination& e, Recommendations& result) {
  std::map<std::pair<int64_t, int64_t>, int64_t> counts;
  int64_t pictures = 0;
  for (const SplitExamination& split : e.splits)
    for (const PairFacts& facts : split.survey.pairs)
      if (facts.image.read) {
        ++counts[{facts.image.height, facts.image.width}];
        ++pictures;
      }
  for (const auto& [extent, count] : counts) result.sizes.push_back({extent.first, extent.second, count});
  std::stable_sort(result.sizes.begin(), result.sizes.end(),
                   [](const auto& a, const auto& b) { return a.pictures > b.pictures; });
  if (result.sizes.size() <= 1) {
    result.size_reason = "all pictures have one size: whole pictures can be trained on without a flag";
    return;
  }
  // The largest window, in steps of 32, that fits into 95 % of the pictures.
  const auto fits_most = [&](auto side) {
    std::vector<int64_t> sides;
    for (const auto& size : result.sizes) sides.insert(sides.end(), static_cast<size_t>(size.pictures), side(size));
    std::sort(sides.begin(), sides.end());
    return sides[sides.size() / 20];
  };
  const int64_t height = fits_most([](const auto& size) { return size.height; });
  const int64_t width = fits_most([](const auto& size) { return size.width; });
  const auto stepped = [](int64_t side) { return side >= 32 ? std::min<int64_t>(side / 32 * 32, 512) : side; };
  result.size_flags = fmt::format("--crop {}x{}", stepped(height), stepped(width));
  result.size_reason = fmt::format(
      "pictures of {} sizes make no batch: windows of {}x{} fit into at least 95 % of them; or scale all "
      "with --size {}x{}",
      result.sizes.size(), stepped(height), stepped(width), result.sizes.front().height, result.sizes.front().width);
}

}  // namespace

Recommendations recommend(const Examination& e) {
  Recommendations result;
  if (const SplitExamination* const train = split_named(e, "train")) {
    recommend_weights(e, *train, result);
    const SplitSurvey& survey = train->survey;
    for (size_t c = 0; c < 3 && survey.pixels_summed > 0; ++c) {
      const auto count = static_cast<double>(survey.pixels_summed);
      const double mean = static_cast<double>(survey.sum[c]) / count;
      result.mean[c] = mean / 255;
      result.std[c] = std::sqrt(std::max(0.0, static_cast<double>(survey.sum_of_squares[c]) / count - mean * mean)) / 255;
    }
  }
  recommend_size(e, result);
  return result;
}

}  // namespace tessera::tools
