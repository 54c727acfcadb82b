#include "tools/check_data/name_diagnosis.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <numeric>
#include <set>
#include <unordered_map>
#include <utility>

namespace tessera::tools {
namespace {

using Kind = NameDiagnosis::Kind;
using Stems = std::vector<std::string>;

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }

std::string without_zero_padding(const std::string& text) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool number_begins = i == 0 || !is_digit(text[i - 1]);
    if (number_begins)
      while (i + 1 < text.size() && text[i] == '0' && is_digit(text[i + 1])) ++i;
    result += text[i];
  }
  return result;
}

// How many pictures have a mask once both names are `simplified`.
template <class Simplify> int64_t pairs_after(const LoneStems& lone, const Simplify& simplified) {
  std::set<std::string> masks;
  for (const std::string& stem : lone.masks) masks.insert(simplified(stem));
  return std::count_if(lone.images.begin(), lone.images.end(),
                       [&](const auto& stem) { return masks.contains(simplified(stem)); });
}

// Counts, for each way to divide a mask's stem in two, the other part beside a picture's stem; the most frequent one wins.
NameDiagnosis affix(const LoneStems& lone, Kind kind) {
  const std::set<std::string> images(lone.images.begin(), lone.images.end());
  std::map<std::string, int64_t> parts;
  for (const std::string& mask : lone.masks)
    for (size_t at = 1; at < mask.size(); ++at) {
      const std::string first = mask.substr(0, at), second = mask.substr(at);
      if (images.contains(kind == Kind::mask_suffix ? first : second)) ++parts[kind == Kind::mask_suffix ? second : first];
    }
  const auto best =
      std::max_element(parts.begin(), parts.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  if (best == parts.end()) return {};
  return {kind, "", best->first, best->second};
}

// Names that go on differently after a common beginning: a_sat and a_mask. Compared are neighbours in the alphabet, so that a
// large folder costs no more than sorting it.
NameDiagnosis both_suffixes(const LoneStems& lone) {
  std::vector<std::pair<std::string, bool>> all;  // stem, is a mask
  for (const std::string& stem : lone.images) all.emplace_back(stem, false);
  for (const std::string& stem : lone.masks) all.emplace_back(stem, true);
  std::sort(all.begin(), all.end());
  std::map<std::pair<std::string, std::string>, int64_t> parts;
  for (size_t i = 0; i + 1 < all.size(); ++i) {
    if (all[i].second == all[i + 1].second) continue;
    const std::string& image = all[i].second ? all[i + 1].first : all[i].first;
    const std::string& mask = all[i].second ? all[i].first : all[i + 1].first;
    size_t common = 0;
    while (common < std::min(image.size(), mask.size()) && image[common] == mask[common]) ++common;
    while (common > 0 && std::isalnum(static_cast<unsigned char>(image[common - 1]))) --common;  // to the last _ or -
    if (common > 1) ++parts[std::pair(image.substr(common - 1), mask.substr(common - 1))];
  }
  const auto best =
      std::max_element(parts.begin(), parts.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  if (best == parts.end()) return {};
  return {Kind::both_suffixes, best->first.first, best->first.second, best->second};
}

size_t distance(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t replaced = diagonal + (a[i] != b[j]);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

NameDiagnosis diagnose_names(const LoneStems& lone) {
  const auto enough = [&](int64_t pairs) { return pairs > 0 && 2 * pairs >= static_cast<int64_t>(lone.images.size()); };
  if (const int64_t pairs = pairs_after(lone, lower); enough(pairs)) return {Kind::letter_case, "", "", pairs};
  if (const int64_t pairs = pairs_after(lone, without_zero_padding); enough(pairs)) return {Kind::zero_padding, "", "", pairs};
  for (const Kind kind : {Kind::mask_suffix, Kind::mask_prefix})
    if (const NameDiagnosis found = affix(lone, kind); enough(found.pairs)) return found;
  if (const NameDiagnosis found = both_suffixes(lone); enough(found.pairs)) return found;
  return {};
}

std::string closest_stem(const std::string& name, const Stems& candidates) {
  constexpr size_t kLooked = 5000;  // the comparison is for a few examples, not for a whole set's
  std::string nearest;
  size_t best = name.size() / 3 + 1;
  for (size_t i = 0; i < std::min(candidates.size(), kLooked); ++i) {
    const size_t between = distance(name, candidates[i]);
    if (between < best) {
      best = between;
      nearest = candidates[i];
    }
  }
  return nearest;
}

}  // namespace tessera::tools
