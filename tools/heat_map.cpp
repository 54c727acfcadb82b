#include "tools/heat_map.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "tools/bitmap_text.h"

namespace tessera::tools {
namespace {

constexpr data::Color kBlack = {0, 0, 0}, kAbsent = {228, 228, 228};
constexpr int kMargin = 12, kGap = 1;

// Where the parts of the picture lie.
struct Frame {
  int cell_width, cell_height, scale;
  int left, top;  // of the first cell
  bool numbers;

  Frame(int64_t classes, const std::vector<std::string>& names) : numbers(classes <= 40) {
    scale = numbers ? 2 : 1;
    cell_width = numbers ? text_width("100.0%", scale) + 8 : 12;
    cell_height = numbers ? 2 * text_height(scale) + 10 : 12;
    int longest = 0;
    for (const std::string& name : names) longest = std::max(longest, text_width(name, scale));
    left = kMargin + text_height(scale) + kMargin + longest + kMargin;
    top = left;
  }
  int y(int64_t row) const { return top + static_cast<int>(row) * (cell_height + kGap); }
  int x(int64_t column) const { return left + static_cast<int>(column) * (cell_width + kGap); }
};

std::string percent(double share) {
  if (share == 0) return "0";
  if (share == 1) return "100%";
  return share < 0.0005 ? "<0.1%" : fmt::format("{:.1f}%", 100 * share);
}

void draw_centered(data::Image& image, int y, int x, int width, const std::string& text, data::Color color) {
  draw_text(image, y, x + (width - text_width(text)) / 2, text, color);
}

void draw_cell(data::Image& image, const Frame& frame, int64_t row, int64_t column, int64_t count, int64_t of) {
  const int y = frame.y(row), x = frame.x(column);
  const double share = of > 0 ? static_cast<double>(count) / static_cast<double>(of) : 0;
  const data::Color color = of > 0 ? heat_color(share) : kAbsent;
  fill_rectangle(image, y, x, frame.cell_height, frame.cell_width, color);
  if (!frame.numbers || of == 0) return;
  const data::Color ink = count == 0 ? data::Color{170, 170, 170} : readable_on(color);
  draw_centered(image, y + 5, x, frame.cell_width, percent(share), ink);
  if (count > 0) draw_centered(image, y + 5 + text_height(), x, frame.cell_width, short_count(count), ink);
}

}  // namespace

std::string short_count(int64_t count) {
  double value = static_cast<double>(count);
  if (count < 1000) return std::to_string(count);
  for (const char unit : {'k', 'M', 'G'}) {
    value /= 1000;
    if (value < 9.95) return fmt::format("{:.1f}{}", value, unit);
    if (value < 999.5 || unit == 'G') return fmt::format("{:.0f}{}", value, unit);
  }
  return "";  // not reached
}

data::Color heat_color(double share) {
  constexpr std::array<double, 3> kLight = {255, 255, 255}, kMiddle = {107, 174, 214}, kDark = {8, 48, 107};
  data::Color color;
  for (int c = 0; c < 3; ++c) {
    const double value =
        share < 0.5 ? std::lerp(kLight[c], kMiddle[c], 2 * share) : std::lerp(kMiddle[c], kDark[c], 2 * share - 1);
    color[c] = static_cast<uint8_t>(std::lround(value));
  }
  return color;
}

data::Image heat_map(const data::ConfusionMatrix& matrix, const std::vector<std::string>& names) {
  const int64_t classes = matrix.num_classes();
  const Frame frame(classes, names);
  const int width = frame.x(classes) + kMargin, height = frame.y(classes) + kMargin;
  data::Image image(height, width, 3, 255);
  fill_rectangle(image, frame.top - kGap, frame.left - kGap, frame.y(classes) - frame.top + kGap,
                 frame.x(classes) - frame.left + kGap, {200, 200, 200});
  for (int64_t i = 0; i < classes; ++i) {
    const std::string& name = names[i];
    draw_text(image, frame.y(i) + (frame.cell_height - text_height(frame.scale)) / 2,
              frame.left - kMargin - text_width(name, frame.scale), name, kBlack, frame.scale);
    draw_text_upwards(image, frame.top - kMargin, frame.x(i) + (frame.cell_width - text_height(frame.scale)) / 2, name, kBlack,
                      frame.scale);
    for (int64_t j = 0; j < classes; ++j) draw_cell(image, frame, i, j, matrix.at(i, j), matrix.true_pixels(i));
  }
  const int middle = (frame.x(classes) + frame.left) / 2;
  draw_text(image, kMargin, middle - text_width("predicted") / 2, "predicted", kBlack);
  draw_text_upwards(image, (frame.y(classes) + frame.top) / 2 + text_width("truth") / 2, kMargin, "truth", kBlack);
  return image;
}

}  // namespace tessera::tools
