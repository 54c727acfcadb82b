#include "tools/html_report/class_sections.h"

#include <fmt/format.h>

#include <cmath>

#include "tools/bitmap_text.h"
#include "tools/heat_map.h"
#include "tools/html_report/html.h"

namespace tessera::tools {
namespace {

std::string hex(const data::Color& color) { return fmt::format("#{:02x}{:02x}{:02x}", color[0], color[1], color[2]); }

data::Color color_of(const data::Palette& palette, size_t i) { return i < palette.size() ? palette[i] : data::Color{0, 0, 0}; }

std::string percent(double share) { return fmt::format("{:.{}f}", 100 * share, share > 0 && share < 0.1 ? 1 : 0); }

// A background from the heat map's colours, with ink that can be read on it.
std::string heat_style(double share) {
  const data::Color color = heat_color(share);
  return fmt::format("background:{};color:{}", hex(color), hex(readable_on(color)));
}

std::string figure_row(const std::string& head, double iou, double accuracy, double precision, double dice,
                       const std::string& share) {
  const std::string bar = std::isnan(iou) ? "" : fmt::format(R"(<span class="bar" style="width:{:.1f}%"></span>)", 100 * iou);
  return fmt::format(
      "<tr><th scope=\"row\">{}</th><td class=\"bars\"><span class=\"track\">{}</span></td><td>{}</td><td>{}</td>"
      "<td>{}</td><td>{}</td><td>{}</td></tr>\n",
      head, bar, figure_html(iou), figure_html(accuracy), figure_html(precision), figure_html(dice), share);
}

}  // namespace

std::string class_name_html(const std::string& name, const data::Color& color) {
  return fmt::format(R"(<span class="swatch" style="background:{}"></span>{})", hex(color), escape_html(name));
}

std::string class_table_html(const data::ConfusionMatrix& matrix, const std::vector<std::string>& names,
                             const data::Palette& palette) {
  const std::vector<double> iou = matrix.class_iou(), accuracy = matrix.class_accuracy(), precision = matrix.class_precision(),
                            dice = matrix.class_dice();
  std::string html =
      "<div class=\"scroll\"><table class=\"figures\"><thead><tr><th scope=\"col\">class</th>"
      "<th scope=\"col\" colspan=\"2\">IoU</th><th scope=\"col\">accuracy</th><th scope=\"col\">precision</th>"
      "<th scope=\"col\">Dice</th><th scope=\"col\">pixels</th></tr></thead><tbody>\n";
  for (size_t i = 0; i < names.size(); ++i) {
    const double share = static_cast<double>(matrix.true_pixels(static_cast<int64_t>(i))) / static_cast<double>(matrix.total());
    html += figure_row(class_name_html(names[i], color_of(palette, i)), iou[i], accuracy[i], precision[i], dice[i],
                       percent(share) + "&#8239;%");
  }
  html += "</tbody><tfoot>" +
          figure_row("mean", matrix.mean_iou(), matrix.mean_accuracy(), matrix.mean_precision(), matrix.mean_dice(), "");
  return html + "</tfoot></table></div>\n";
}

std::string class_history_html(const MetricTable& metrics) {
  constexpr size_t kMostColumns = 80;
  const std::vector<double> epochs = metrics.column("epoch"), means = metrics.column("mIoU");
  std::vector<size_t> rows;  // epochs with figures
  for (size_t i = 0; i < means.size(); ++i)
    if (!std::isnan(means[i])) rows.push_back(i);
  std::vector<std::string> classes;
  for (const std::string& name : metrics.names)
    if (name.starts_with("IoU/")) classes.push_back(name);
  if (rows.size() < 2 || classes.empty()) return "";
  const size_t step = (rows.size() + kMostColumns - 1) / kMostColumns;
  std::string html = fmt::format(
      "<figure class=\"history\"><figcaption><strong>IoU of each class</strong> epoch {:g} to {:g}, darker is better</figcaption>"
      "<table>\n",
      epochs[rows.front()], epochs[rows.back()]);
  for (const std::string& name : classes) {
    const std::vector<double> values = metrics.column(name);
    html += fmt::format("<tr><th scope=\"row\">{}</th>", escape_html(name.substr(4)));
    for (size_t k = (rows.size() - 1) % step; k < rows.size(); k += step) {  // the last one is among them
      const double v = values[rows[k]];
      html += std::isnan(v) ? "<td></td>"
                            : fmt::format("<td style=\"background:{}\" title=\"{}, epoch {:g}: {:.4f}\"></td>",
                                          hex(heat_color(v)), escape_html(name.substr(4)), epochs[rows[k]], v);
    }
    html += "</tr>\n";
  }
  return html + "</table></figure>\n";
}

std::string confusion_html(const data::ConfusionMatrix& matrix, const std::vector<std::string>& names) {
  const bool numbers = names.size() <= 40;
  std::string html = fmt::format(
      "<div class=\"scroll\"><table class=\"confusion\"><caption>Rows: true class. Columns: what it was predicted as, in "
      "percent of the row's pixels.</caption><thead><tr><td></td>");
  for (const std::string& name : names) html += fmt::format("<th scope=\"col\"><span>{}</span></th>", escape_html(name));
  html += "</tr></thead><tbody>\n";
  for (size_t i = 0; i < names.size(); ++i) {
    html += fmt::format("<tr><th scope=\"row\">{}</th>", escape_html(names[i]));
    const int64_t pixels = matrix.true_pixels(static_cast<int64_t>(i));
    for (size_t j = 0; j < names.size(); ++j) {
      const int64_t count = matrix.at(static_cast<int64_t>(i), static_cast<int64_t>(j));
      const double share = pixels > 0 ? static_cast<double>(count) / static_cast<double>(pixels) : 0;
      html +=
          fmt::format("<td style=\"{}\" title=\"{} as {}: {} pixels, {:.2f}%\">{}</td>", heat_style(share), escape_html(names[i]),
                      escape_html(names[j]), count, 100 * share, numbers && share >= 0.0005 ? percent(share) : "");
    }
    html += "</tr>\n";
  }
  return html + "</tbody></table></div>\n";
}

}  // namespace tessera::tools
