#include "tools/check_data/check_sheet.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "core/error.h"
#include "tools/bitmap_text.h"
#include "tools/contact_sheet.h"

namespace tessera::tools {
namespace {

constexpr int kSide = 240;  // the longer side of a picture in the sheet
constexpr int kFrame = 4, kLine = 22;
constexpr data::Color kRed = {214, 40, 40}, kBlack = {0, 0, 0}, kWhite = {255, 255, 255};

// The nearest pixel: masks must stay what they are, and at this size pictures do not suffer.
data::Image scaled(const data::Image& image) {
  const double factor = static_cast<double>(kSide) / std::max({image.height, image.width, 1});
  data::Image small(std::max(1, static_cast<int>(image.height * factor)), std::max(1, static_cast<int>(image.width * factor)));
  for (int y = 0; y < small.height; ++y)
    for (int x = 0; x < small.width; ++x)
      std::copy_n(image.at(std::min(image.height - 1, static_cast<int>((y + 0.5) / factor)),
                           std::min(image.width - 1, static_cast<int>((x + 0.5) / factor))),
                  3, small.at(y, x));
  return small;
}

void paste(data::Image& sheet, const data::Image& picture, int top, int left) {
  for (int y = 0; y < picture.height; ++y) std::copy_n(picture.at(y, 0), size_t{3} * picture.width, sheet.at(top + y, left));
}

// The mask as a picture in the classes' colours, and which of its pixels are of a class.
struct Painted {
  data::Image colors;
  std::vector<bool> of_class;
};
Painted paint(const MaskPixels& mask, const ClassTable& table, const data::Palette& palette) {
  std::map<int32_t, data::Color> color_of;
  for (size_t i = 0; i < table.values.size() && i < palette.size(); ++i)
    color_of[static_cast<int32_t>(table.values[i])] = palette[i];
  Painted painted{data::Image(static_cast<int>(mask.height), static_cast<int>(mask.width)), {}};
  painted.of_class.resize(mask.values.size());
  for (size_t i = 0; i < mask.values.size(); ++i) {
    const int32_t value = mask.values[i];
    data::Color color = kBlack;
    if (mask.colors) {
      color = {static_cast<uint8_t>(value >> 16), static_cast<uint8_t>(value >> 8), static_cast<uint8_t>(value)};
      painted.of_class[i] = value != 0;
    } else if (const auto found = color_of.find(value); found != color_of.end()) {
      color = found->second;
      painted.of_class[i] = true;
    }
    std::copy(color.begin(), color.end(), painted.colors.pixels.begin() + static_cast<ptrdiff_t>(3 * i));
  }
  return painted;
}

struct Shown {
  size_t split, pair;
  std::string mark;  // a finding's code, or ""
};

std::vector<Shown> choose(const Examination& e, const std::vector<Finding>& findings, int64_t count) {
  constexpr size_t kMarked = 12;
  std::map<std::string, std::pair<size_t, size_t>> by_path;
  for (size_t s = 0; s < e.splits.size(); ++s)
    for (size_t i = 0; i < e.splits[s].files.pairs.size(); ++i)
      for (const auto& file : {e.splits[s].files.pairs[i].image, e.splits[s].files.pairs[i].label})
        by_path[short_path(e, file)] = {s, i};
  std::vector<Shown> shown;
  std::set<std::pair<size_t, size_t>> taken;
  for (const Finding& finding : findings)
    for (const std::string& example : finding.examples) {  // "train/labels/a.png (truncated)"
      auto found = by_path.find(example);
      if (found == by_path.end()) found = by_path.find(example.substr(0, std::min(example.find(" ("), example.find(" = "))));
      if (finding.severity == Severity::note || found == by_path.end() || shown.size() >= kMarked) continue;
      if (taken.insert(found->second).second) shown.push_back({found->second.first, found->second.second, finding.code});
    }
  int64_t total = 0;
  for (const SplitExamination& split : e.splits) total += static_cast<int64_t>(split.files.pairs.size());
  for (int64_t k = 0; k < std::min(count, total); ++k) {
    int64_t at = k * total / std::min(count, total);
    size_t s = 0;
    for (; at >= static_cast<int64_t>(e.splits[s].files.pairs.size()); ++s)
      at -= static_cast<int64_t>(e.splits[s].files.pairs.size());
    if (taken.insert({s, static_cast<size_t>(at)}).second) shown.push_back({s, static_cast<size_t>(at), ""});
  }
  return shown;
}

// One pair: picture, mask over it, a line with its name.
data::Image cell(const Examination& e, const Shown& shown, const ClassTable& table, const data::Palette& palette) {
  const SplitExamination& split = e.splits[shown.split];
  const data::Pair& pair = split.files.pairs[shown.pair];
  std::vector<data::Image> pictures;
  std::string trouble;
  try {
    const data::Image image = data::read_image(pair.image);
    const data::Image small = scaled(image);
    pictures.push_back(small);
    data::LabelEncoding encoding;
    encoding.values = e.expected.values;
    data::PictureHeader header;
    const MaskPixels mask = read_mask_pixels(pair.label, encoding, header);
    Painted painted = paint(mask, table, palette);
    const bool fits = mask.height == image.height && mask.width == image.width;
    for (size_t i = 0; fits && i < painted.of_class.size(); ++i)
      for (size_t c = 0; c < 3; ++c) {
        uint8_t& sample = painted.colors.pixels[3 * i + c];
        sample =
            static_cast<uint8_t>(painted.of_class[i] ? (2 * image.pixels[3 * i + c] + 3 * sample) / 5 : image.pixels[3 * i + c]);
      }
    pictures.push_back(scaled(painted.colors));
  } catch (const Error&) {
    trouble = pictures.empty() ? "picture cannot be read" : "mask cannot be read";
  }
  int height = kSide / 2;
  for (const data::Image& picture : pictures) height = std::max(height, picture.height);
  data::Image whole(height + kLine + 2 * kFrame, 2 * kSide + 3 * kFrame, 3, 255);
  if (!shown.mark.empty()) {
    fill_rectangle(whole, 0, 0, whole.height, whole.width, kRed);
    fill_rectangle(whole, kFrame, kFrame, whole.height - 2 * kFrame, whole.width - 2 * kFrame, kWhite);
  }
  for (size_t i = 0; i < pictures.size(); ++i)
    paste(whole, pictures[i], kFrame + kLine, kFrame + static_cast<int>(i) * (kSide + kFrame));
  if (!trouble.empty())
    draw_text(whole, kLine + 20, kFrame + 6 + static_cast<int>(pictures.size()) * (kSide + kFrame),
              shorten_text(trouble, kSide - 12), kRed);
  const std::string mark = shown.mark.empty() ? "" : shown.mark + "  ";
  draw_text(whole, kFrame, kFrame + 2, mark, kRed);
  const int left = kFrame + 2 + text_width(mark);
  draw_text(whole, kFrame, left, shorten_text(split.name + "/" + pair.name, whole.width - left - 2 * kFrame), kBlack);
  return whole;
}

data::Image legend(const ClassTable& table, const data::Palette& palette, int width) {
  constexpr int kCell = 200, kHeight = 26;
  const int columns = std::max(1, width / kCell);
  const auto count = static_cast<int>(std::min<size_t>({table.values.size(), palette.size(), 60}));
  data::Image image(std::max(1, (count + columns - 1) / columns * kHeight), columns * kCell, 3, 255);
  for (int i = 0; i < count; ++i) {
    const int top = i / columns * kHeight, left = i % columns * kCell;
    fill_rectangle(image, top + 3, left + 2, 20, 28, palette[i]);
    draw_text(image, top + 4, left + 36, shorten_text(fmt::format("{} {}", table.values[i], table.names[i]), kCell - 40), kBlack);
  }
  return image;
}

}  // namespace

data::Image check_sheet(const Examination& examination, const std::vector<Finding>& findings, int64_t count) {
  const ClassTable table = class_table(examination);
  data::Palette palette = examination.expected.palette;
  if (palette.size() < table.values.size())
    palette = data::distinct_palette(static_cast<int>(std::min<size_t>(256, table.values.size())));
  std::vector<std::vector<data::Image>> rows;
  for (const Shown& shown : choose(examination, findings, count)) {
    if (rows.empty() || rows.back().size() == 2) rows.emplace_back();
    rows.back().push_back(cell(examination, shown, table, palette));
  }
  const data::Image pictures = contact_sheet(rows);
  if (examination.values().empty()) return pictures;
  return contact_sheet({{pictures}, {legend(table, palette, pictures.width)}}, 0);
}

}  // namespace tessera::tools
