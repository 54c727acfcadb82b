#include "tools/check_data/report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace tessera::tools {
namespace {

// Words on lines of at most `width` letters, all but the first indented.
std::string wrapped(const std::string& text, size_t indent, size_t width = 110) {
  std::string result, line;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find(' ', at), text.size());
    const std::string word = text.substr(at, end - at);
    if (!line.empty() && indent + line.size() + 1 + word.size() > width) {
      result += line + "\n" + std::string(indent, ' ');
      line.clear();
    }
    line += (line.empty() ? "" : " ") + word;
    at = end + 1;
  }
  return result + line;
}

std::string heading(const std::string& name, const std::string& text) {
  return fmt::format("{:<10}{}\n", name, wrapped(text, 10));
}

std::string file_kinds(const Examination& e, bool masks) {
  std::map<std::string, int64_t> kinds;
  for (const SplitExamination& split : e.splits)
    for (const PairFacts& facts : split.survey.pairs) {
      const data::PictureHeader& header = masks ? facts.mask.header : facts.image.header;
      if (!(masks ? facts.mask.read : facts.image.read)) continue;
      std::string kind(data::to_string(header.kind));
      if (header.palette)
        kind = "palette " + kind;
      else if (header.channels == 1)
        kind = "grey " + kind;
      else if (header.channels >= 3 && masks)
        kind = "colour " + kind;
      if (header.bits == 16) kind += " of 16 bits";
      ++kinds[kind];
    }
  std::vector<std::string> texts;
  for (const auto& [kind, count] : kinds) texts.push_back(kinds.size() == 1 ? kind : fmt::format("{} {}", count, kind));
  return fmt::format("{}", fmt::join(texts, ", "));
}

std::string sizes_text(const Recommendations& advice) {
  constexpr size_t kShown = 4;
  std::vector<std::string> texts;
  for (size_t i = 0; i < std::min(kShown, advice.sizes.size()); ++i)
    texts.push_back(fmt::format("{} of {}x{}", advice.sizes[i].pictures, advice.sizes[i].width, advice.sizes[i].height));
  if (advice.sizes.size() > kShown) texts.push_back(fmt::format("and {} more sizes", advice.sizes.size() - kShown));
  return fmt::format("{}", fmt::join(texts, ", "));
}

std::string share(const SplitExamination& split, int64_t value) {
  int64_t all = 0;
  for (const auto& [other, count] : split.survey.values) all += count.pixels;
  const auto found = split.survey.values.find(value);
  return found == split.survey.values.end()
             ? "-"
             : fmt::format("{:.2f}", 100.0 * static_cast<double>(found->second.pixels) / static_cast<double>(all));
}

std::string class_rows(const Examination& e, const Recommendations& advice) {
  const ClassTable table = class_table(e);
  constexpr size_t kMostRows = 64;
  if (e.values().empty() || table.values.size() > 256) return "";
  size_t width = 7;
  for (const std::string& name : table.names) width = std::max(width, name.size());
  std::string text = fmt::format("\n{:>5}  {:<{}}", "value", "class", width);
  for (const SplitExamination& split : e.splits) text += fmt::format("  {:>8}", split.name + " %");
  text += fmt::format("  {:>8}  {:>8}\n", "in masks", "weight");
  const auto row = [&](int64_t value, const std::string& name, const std::string& weight) {
    int64_t masks = 0;
    text += fmt::format("{:>5}  {:<{}}", value, name, width);
    for (const SplitExamination& split : e.splits) {
      text += fmt::format("  {:>8}", share(split, value));
      const auto found = split.survey.values.find(value);
      masks += found == split.survey.values.end() ? 0 : found->second.masks;
    }
    text += fmt::format("  {:>8}  {:>8}\n", masks, weight);
  };
  for (size_t i = 0; i < std::min(kMostRows, table.values.size()); ++i)
    row(table.values[i], table.names[i], i < advice.weights.size() ? fmt::format("{:.4f}", advice.weights[i]) : "-");
  if (table.values.size() > kMostRows)
    text += fmt::format("       and {} more; --json FILE has all\n", table.values.size() - kMostRows);
  if (e.values().contains(e.expected.ignore_index) &&
      std::find(table.values.begin(), table.values.end(), e.expected.ignore_index) == table.values.end())
    row(e.expected.ignore_index, "ignored", "-");
  return text;
}

std::string color_rows(const Examination& e) {
  const auto colors = e.colors();
  if (colors.empty()) return "";
  std::vector<std::pair<uint32_t, Occurrence>> by_pixels(colors.begin(), colors.end());
  std::stable_sort(by_pixels.begin(), by_pixels.end(),
                   [](const auto& a, const auto& b) { return a.second.pixels > b.second.pixels; });
  constexpr size_t kShown = 24;
  std::string text = fmt::format("\n{:<9}{:>12}{:>10}\n", "colour", "pixels", "in masks");
  for (size_t i = 0; i < std::min(kShown, by_pixels.size()); ++i)
    text += fmt::format("#{:06x}  {:>12}{:>10}\n", by_pixels[i].first, by_pixels[i].second.pixels, by_pixels[i].second.masks);
  if (by_pixels.size() > kShown) text += fmt::format("and {} more\n", by_pixels.size() - kShown);
  return text;
}

std::string paste_rows(const Examination& e, const Recommendations& advice) {
  std::string text = "\nTo paste\n";
  if (!e.expected.given && advice.classes > 0) text += fmt::format("  --classes {}\n", advice.classes);
  if (!advice.weights.empty() && advice.weights.size() <= 64) {
    std::vector<std::string> weights;
    for (double weight : advice.weights) weights.push_back(fmt::format("{:.4g}", weight));
    text += fmt::format("  --class-weights {}\n", fmt::join(weights, ","));
  }
  if (!advice.size_flags.empty()) text += fmt::format("  {}\n", advice.size_flags);
  if (std::any_of(advice.std.begin(), advice.std.end(), [](double value) { return value > 0; }))
    text += fmt::format("  \"mean\": [{:.4f}], \"std\": [{:.4f}]   in {}/dataset.json; without them ImageNet's are taken\n",
                        fmt::join(advice.mean, ", "), fmt::join(advice.std, ", "), e.data);
  return text == "\nTo paste\n" ? "" : text;
}

}  // namespace

std::string summary_line(const std::vector<Finding>& findings) {
  int64_t counts[3] = {};
  for (const Finding& finding : findings) ++counts[static_cast<int>(finding.severity)];
  return fmt::format("{}, {}, {}", counted(counts[0], "error"), counted(counts[1], "warning"), counted(counts[2], "note"));
}

std::string report_text(const Examination& e, const std::vector<Finding>& findings) {
  std::string text = heading("Data", e.layout.empty() ? e.data : fmt::format("{}: {}", e.data, e.layout));
  if (!e.splits.empty()) {
    const Recommendations advice = recommend(e);
    std::vector<std::string> pairs;
    for (const SplitExamination& split : e.splits) pairs.push_back(fmt::format("{} {}", split.files.pairs.size(), split.name));
    text += heading("Pairs",
                    fmt::format("{}{}", fmt::join(pairs, ", "), e.complete ? "" : fmt::format("; {} were read", e.pairs_read())));
    text += heading("Pictures", fmt::format("{}; {}", file_kinds(e, false), sizes_text(advice)));
    text += heading("Masks", file_kinds(e, true));
    if (!e.expected.source.empty()) text += heading("Classes", e.expected.source);
    if (!advice.size_reason.empty()) text += heading("Size", advice.size_reason);
    text += class_rows(e, advice) + color_rows(e) + paste_rows(e, advice);
  }
  text += "\n";
  for (const Finding& finding : findings) {
    const std::string examples = listed(finding.examples, finding.count);
    text += fmt::format("{:<10}{}\n", to_string(finding.severity),
                        wrapped(finding.what + (examples.empty() ? "" : ": " + examples) + ".", 10));
    // Not wrapped: it holds commands and JSON to copy.
    if (!finding.remedy.empty()) text += fmt::format("          {}.\n", finding.remedy);
  }
  return text + (findings.empty() ? "" : "\n") + summary_line(findings) + "\n";
}

nlohmann::ordered_json report_json(const Examination& e, const std::vector<Finding>& findings) {
  const Recommendations advice = recommend(e);
  const ClassTable table = class_table(e);
  const auto values = e.values();
  nlohmann::ordered_json json = {{"data", e.data}, {"layout", e.layout}, {"complete", e.complete}};
  for (const SplitExamination& split : e.splits)
    json["splits"][split.name] = {{"pairs", split.files.pairs.size()}, {"read", split.survey.read_pairs}};
  for (size_t i = 0; i < table.values.size(); ++i) {
    const auto found = values.find(table.values[i]);
    json["classes"].push_back({{"name", table.names[i]},
                               {"value", table.values[i]},
                               {"pixels", found == values.end() ? 0 : found->second.pixels},
                               {"frequency", i < advice.frequencies.size() ? advice.frequencies[i] : 0},
                               {"weight", i < advice.weights.size() ? advice.weights[i] : 0}});
  }
  json["ignore_index"] = e.expected.ignore_index;
  for (const auto& [value, count] : values) json["values"][std::to_string(value)] = count.pixels;
  for (const auto& [color, count] : e.colors()) json["colors"][fmt::format("#{:06x}", color)] = count.pixels;
  json["mean"] = advice.mean;
  json["std"] = advice.std;
  for (const auto& size : advice.sizes)
    json["sizes"].push_back({{"height", size.height}, {"width", size.width}, {"pictures", size.pictures}});
  json["size_flags"] = advice.size_flags;
  json["findings"] = nlohmann::ordered_json::array();
  for (const Finding& finding : findings)
    json["findings"].push_back({{"severity", to_string(finding.severity)},
                                {"code", finding.code},
                                {"what", finding.what},
                                {"remedy", finding.remedy},
                                {"count", finding.count},
                                {"examples", finding.examples}});
  return json;
}

}  // namespace tessera::tools
