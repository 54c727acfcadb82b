// How the masks store their classes. Most first hours with a segmentation tool end here.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "tools/check_data/examination.h"

namespace tessera::tools {
namespace {

using Counts = std::map<int64_t, Occurrence>;

std::string convert_command(const Examination& e, const std::string& why = "writes them as class ids") {
  return fmt::format("tessera check-data --data {} --convert {}_ids {}; then train with --data {}_ids", e.data, e.data, why,
                     e.data);
}

std::string percent(int64_t part, int64_t whole) {
  return fmt::format("{:.3g} %", whole > 0 ? 100.0 * static_cast<double>(part) / static_cast<double>(whole) : 0.0);
}

template <class Map> int64_t total_pixels(const Map& counts) {
  int64_t total = 0;
  for (const auto& [value, count] : counts) total += count.pixels;
  return total;
}

// "#800000 (12.3 %)" of the most frequent colours.
std::vector<std::string> describe_colors(const std::map<uint32_t, Occurrence>& colors, size_t most) {
  std::vector<std::pair<uint32_t, int64_t>> by_pixels;
  for (const auto& [color, count] : colors)
    if (!is_speckle(count)) by_pixels.emplace_back(color, count.pixels);
  std::stable_sort(by_pixels.begin(), by_pixels.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  std::vector<std::string> texts;
  for (size_t i = 0; i < std::min(most, by_pixels.size()); ++i)
    texts.push_back(fmt::format("#{:06x} ({})", by_pixels[i].first, percent(by_pixels[i].second, total_pixels(colors))));
  if (by_pixels.size() > most) texts.push_back(fmt::format("and {} more", by_pixels.size() - most));
  return texts;
}

// Smooth edges and compression give many values, most of them in thin lines. Both signs together: a pole is thin, too.
template <class Map> bool is_smoothed(const Map& counts) {
  const auto speckles = std::count_if(counts.begin(), counts.end(), [](const auto& entry) { return is_speckle(entry.second); });
  return speckles >= 4 && 3 * speckles >= static_cast<int64_t>(counts.size());
}

void color_findings(const Examination& e, std::vector<Finding>& findings) {
  const Matches masks = find_pairs(e, [](const PairFacts& facts) { return facts.mask.colors; });
  if (masks.count == 0) return;
  const std::map<uint32_t, Occurrence> colors = e.colors();
  const auto areas = std::count_if(colors.begin(), colors.end(), [](const auto& entry) { return !is_speckle(entry.second); });
  if (areas > 256 || areas == 0) {
    findings.push_back({Severity::error, "photo-masks",
                        fmt::format("{} {} more than 256 colours, as photographs have", counted(masks.count, "mask"),
                                    masks.count == 1 ? "has" : "have"),
                        "Look at them: pictures and masks may have changed places", masks.count, masks.masks});
    return;
  }
  const bool smoothed = is_smoothed(colors);
  findings.push_back(
      {Severity::error, "color-masks",
       fmt::format("{} {} pictures in colour, not maps of class ids; the colours are {}{}", counted(masks.count, "mask"),
                   masks.count == 1 ? "is a" : "are", fmt::join(describe_colors(colors, 12), ", "),
                   smoothed ? ", with others between them at the edges" : ""),
       convert_command(e, smoothed ? "writes them as class ids, each pixel by the nearest of these colours"
                                   : "writes them as class ids, one a colour"),
       masks.count, masks.masks});
}

void format_findings(const Examination& e, std::vector<Finding>& findings) {
  const Matches jpeg =
      find_pairs(e, [](const PairFacts& f) { return f.mask.read && f.mask.header.kind == data::PictureKind::jpeg; });
  if (jpeg.count > 0)
    findings.push_back(
        {e.expected.values.empty() ? Severity::error : Severity::warning, "jpeg-masks",
         counted(jpeg.count, "mask is a JPEG file", "masks are JPEG files") + ", whose compression changes class ids near edges",
         "Export them again as PNG; or " + convert_command(e, "sorts each pixel to the nearest value"), jpeg.count, jpeg.masks});
  const Matches grey = find_pairs(e, [](const PairFacts& f) {
    return f.mask.grey_as_rgb && !f.mask.colors && f.mask.header.kind != data::PictureKind::jpeg;
  });
  if (grey.count > 0)
    findings.push_back({Severity::error, "grey-as-rgb",
                        fmt::format("{} {} three equal channels where one is expected", counted(grey.count, "mask"),
                                    grey.count == 1 ? "stores" : "store"),
                        convert_command(e, "writes one channel"), grey.count, grey.masks});
  const Matches palette = find_pairs(e, [](const PairFacts& f) { return f.mask.read && f.mask.header.palette; });
  const Matches plain = find_pairs(e, [](const PairFacts& f) {
    return f.mask.read && !f.mask.colors && !f.mask.header.palette && f.mask.header.kind == data::PictureKind::png;
  });
  if (palette.count > 0 && plain.count > 0)
    findings.push_back({Severity::warning, "mixed-masks",
                        fmt::format("{} have a palette, {} are plain grey: index and grey level are both taken as class id",
                                    counted(palette.count, "mask"), plain.count),
                        "See whether both kinds number the classes alike", std::min(palette.count, plain.count),
                        palette.count < plain.count ? palette.masks : plain.masks});
  const Matches alpha = find_pairs(e, [](const PairFacts& f) { return f.mask.header.alpha; });
  if (alpha.count > 0)
    findings.push_back({Severity::note, "alpha-masks",
                        fmt::format("{} an alpha channel, which is passed over", counted(alpha.count, "mask has", "masks have")),
                        "Nothing to do, unless the classes are in it", alpha.count, alpha.masks});
  const Matches deep = find_pairs(e, [](const PairFacts& f) { return f.mask.header.bits == 16; });
  if (deep.count > 0)
    findings.push_back({Severity::note, "deep-masks",
                        fmt::format("{} 16 bits a pixel", counted(deep.count, "mask has", "masks have")),
                        "Nothing to do: the stored value is the class id", deep.count, deep.masks});
}

// The masks that have a value, by the splits' own lists.
std::vector<std::string> masks_with(const Examination& e, int64_t value) {
  std::vector<std::string> names;
  for (const SplitExamination& split : e.splits) {
    const auto found = split.survey.values.find(value);
    if (found == split.survey.values.end()) continue;
    for (int64_t pair : found->second.pairs) names.push_back(short_path(e, split.files.pairs[pair].label));
  }
  return names;
}

// What masks look like whose values were never meant as 0, 1, 2, ...
std::string unusual_values(const std::vector<int64_t>& values) {
  const int64_t count = static_cast<int64_t>(values.size()), largest = values.back();
  if (count == 2 && values[0] == 0) return fmt::format("are black and white: their values are 0 and {}", values[1]);
  if (values[0] == 1 && largest == count) return fmt::format("count classes from 1 to {}; 0 never occurs", largest);
  bool even = count >= 3 && values[0] == 0;
  for (size_t i = 1; even && i < values.size(); ++i) even = std::abs(values[i] - static_cast<int64_t>(i) * values[1]) <= 1;
  if (even) return fmt::format("are stretched to be seen: their values are {}", fmt::join(values, ", "));
  return fmt::format("have {} values with gaps between them: {}", count, fmt::join(values, ", "));
}

void value_findings(const Examination& e, std::vector<Finding>& findings) {
  const Counts counts = e.values();
  if (counts.empty()) return;
  const Matches all = find_pairs(e, [](const PairFacts& f) { return f.mask.read && !f.mask.colors; });
  std::vector<int64_t> values;
  for (const auto& [value, count] : counts)
    if (!is_speckle(count) && value != e.expected.ignore_index) values.push_back(value);

  const bool smoothed = is_smoothed(counts);
  if (smoothed) {
    int64_t stray = 0;
    for (const auto& [value, count] : counts) stray += is_speckle(count) ? count.pixels : 0;
    findings.push_back(
        {Severity::error, "smoothed-masks",
         fmt::format("{} hold {} values, but {} of the pixels are thin lines of values between {}: "
                     "smooth edges or JPEG compression",
                     counted(all.count, "mask"), counts.size(), percent(stray, total_pixels(counts)), fmt::join(values, ", ")),
         "Export them without smoothing, as PNG; or " + convert_command(e, "sorts each pixel to the nearest value"), all.count,
         all.masks});
    return;
  }

  const ClassTable table = class_table(e);
  const bool counts_up =
      table.values.empty() || (table.values.front() == 0 && table.values.back() + 1 == static_cast<int64_t>(table.values.size()));
  if (!table.given && !counts_up) {
    ClassTable proposed = table;
    if (table.values.size() == 2) proposed.names = {"background", "foreground"};
    findings.push_back({Severity::error, "unusual-values", fmt::format("the masks {}", unusual_values(table.values)),
                        fmt::format("Write {}/dataset.json: {}", e.data, dataset_json(proposed, {}, std::nullopt)), all.count,
                        all.masks});
    return;
  }
  if (e.expected.values == std::vector<int32_t>{0, 255} && e.expected.source.find("black and white") != std::string::npos)
    findings.push_back({Severity::note, "black-and-white-masks",
                        "the masks hold 0 and 255 alone: 0 is taken as class 0, 255 as class 1",
                        "If 255 marks void, add --ignore-index 255", all.count, all.masks});
  if (table.values.size() < 2)
    findings.push_back({Severity::error, "one-class",
                        fmt::format("the masks know {}", counted(static_cast<int64_t>(table.values.size()), "class", "classes")),
                        "A network needs two to tell apart; the background is one", all.count, all.masks});

  for (const auto& [value, count] : counts) {
    if (value == e.expected.ignore_index) continue;
    if (std::find(table.values.begin(), table.values.end(), value) != table.values.end()) continue;
    findings.push_back(
        {Severity::error, "value-out-of-range",
         fmt::format("the value {} is no class: there are {} by {}, and {} marks what to ignore; it fills {} of the "
                     "pixels of {}",
                     value, table.values.size(), e.expected.source, e.expected.ignore_index,
                     percent(count.pixels, total_pixels(counts)), counted(count.masks, "mask")),
         fmt::format("Add --ignore-index {} if it marks void, or --classes {} if it is a class", value, value + 1), count.masks,
         masks_with(e, value)});
    if (findings.size() > 20) break;  // a mask of noise
  }
}

void ignore_findings(const Examination& e, std::vector<Finding>& findings) {
  const Counts counts = e.values();
  const int64_t index = e.expected.ignore_index, total = total_pixels(counts);
  const auto ignored = counts.find(index);
  if (ignored == counts.end() || total == 0) return;
  const ClassTable table = class_table(e);
  const bool is_class = std::find(table.values.begin(), table.values.end(), index) != table.values.end();
  if (2 * ignored->second.pixels > total || (is_class && index == 0))
    findings.push_back({Severity::warning, "ignore-looks-like-class",
                        fmt::format("the ignore index {} covers {} of all pixels, which training and figures will not see", index,
                                    percent(ignored->second.pixels, total)),
                        "If it is a class (a background, say), choose another --ignore-index", ignored->second.masks,
                        masks_with(e, index)});
}

void uniform_findings(const Examination& e, std::vector<Finding>& findings) {
  const Matches uniform = find_pairs(e, [](const PairFacts& f) { return f.mask.read && f.mask.distinct == 1; });
  const Matches read = find_pairs(e, [](const PairFacts& f) { return f.mask.read; });
  const Matches unlabelled = find_pairs(
      e, [](const PairFacts& f) { return f.mask.read && f.mask.ignored > 0 && f.mask.ignored == f.mask.height * f.mask.width; });
  if (read.count > 0 && uniform.count == read.count && e.values().size() + e.colors().size() == 1) {
    findings.push_back(
        {Severity::error, "one-value", fmt::format("all masks that were read hold one and the same value everywhere"),
         "See whether they are the right files, and whether a tool wrote them before it was done", uniform.count, uniform.masks});
    return;
  }
  if (unlabelled.count > 0)
    findings.push_back({Severity::warning, "unlabelled-masks",
                        fmt::format("{} no pixel but ignored ones: nothing can be learnt from {}",
                                    counted(unlabelled.count, "mask has", "masks have"), unlabelled.count == 1 ? "it" : "them"),
                        "Label them, or remove them with their pictures", unlabelled.count, unlabelled.masks});
  const int64_t others = uniform.count - unlabelled.count;
  if (others > 0)
    findings.push_back({2 * others > read.count && read.count > 1 ? Severity::warning : Severity::note, "uniform-masks",
                        fmt::format("{} one value everywhere", counted(others, "mask holds", "masks hold")),
                        "Right, if those pictures show nothing else", others, uniform.masks});
}

}  // namespace

std::vector<Finding> encoding_findings(const Examination& examination) {
  std::vector<Finding> findings;
  color_findings(examination, findings);
  format_findings(examination, findings);
  value_findings(examination, findings);
  ignore_findings(examination, findings);
  uniform_findings(examination, findings);
  return findings;
}

}  // namespace tessera::tools
