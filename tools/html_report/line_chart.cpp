#include "tools/html_report/line_chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "tools/html_report/html.h"

namespace tessera::tools {
namespace {

// In the SVG's own units.
constexpr double kWidth = 520, kHeight = 260, kLeft = 56, kRight = 14, kTop = 10, kBottom = 34;
constexpr size_t kMostDots = 60;

struct Range {
  double low = std::numeric_limits<double>::infinity(), high = -std::numeric_limits<double>::infinity();
  void include(double v) {
    if (!std::isfinite(v)) return;
    low = std::min(low, v);
    high = std::max(high, v);
  }
  bool empty() const { return low > high; }
};

Range range_of(const LineChart& chart) {
  Range range;
  for (const Series& series : chart.series)
    for (const double v : series.values) range.include(v);
  if (!range.empty() && chart.from_zero) range.include(0);
  return range;
}

struct Axes {
  std::vector<double> x_ticks, y_ticks;
  double x_low, x_high;

  Axes(const LineChart& chart, const Range& y)
      : y_ticks(axis_ticks(y.low, y.high, 5)), x_low(chart.x.front()), x_high(chart.x.back()) {
    if (x_low == x_high) {
      x_low -= 1;
      x_high += 1;
    }
    for (const double tick : axis_ticks(x_low, x_high, 8))
      if (tick >= x_low && tick <= x_high && tick == std::floor(tick)) x_ticks.push_back(tick);
  }
  double x(double v) const { return kLeft + (v - x_low) / (x_high - x_low) * (kWidth - kLeft - kRight); }
  double y(double v) const {
    return kHeight - kBottom - (v - y_ticks.front()) / (y_ticks.back() - y_ticks.front()) * (kHeight - kTop - kBottom);
  }
};

std::string grid(const Axes& axes) {
  std::string svg;
  for (const double tick : axes.y_ticks)
    svg += fmt::format(
        R"(<line class="grid" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/><text class="tick end" x="{}" y="{:.1f}">{:.4g}</text>)",
        kLeft, kWidth - kRight, axes.y(tick), axes.y(tick), kLeft - 6, axes.y(tick) + 4, tick);
  for (const double tick : axes.x_ticks)
    svg += fmt::format(R"(<text class="tick middle" x="{:.1f}" y="{}">{:g}</text>)", axes.x(tick), kHeight - kBottom + 16, tick);
  return svg + fmt::format(R"(<text class="tick end" x="{}" y="{}">epoch</text>)", kWidth - kRight, kHeight - 3);
}

std::string line(const LineChart& chart, size_t index, const Axes& axes) {
  const Series& series = chart.series[index];
  std::string points, dots;
  size_t count = 0;
  for (size_t i = 0; i < series.values.size(); ++i) {
    if (!std::isfinite(series.values[i])) continue;
    ++count;
    points += fmt::format("{:.1f},{:.1f} ", axes.x(chart.x[i]), axes.y(series.values[i]));
    dots += fmt::format(R"(<circle cx="{:.1f}" cy="{:.1f}" r="2.5"><title>epoch {:g}: {} {:.4g}</title></circle>)",
                        axes.x(chart.x[i]), axes.y(series.values[i]), chart.x[i], escape_html(series.name), series.values[i]);
  }
  return fmt::format(R"(<g class="series s{}"><polyline points="{}"/>{}</g>)", index, points, count <= kMostDots ? dots : "");
}

// The chart in words, for those who do not see it.
std::string in_words(const LineChart& chart) {
  std::string text = chart.title + " by epoch.";
  for (const Series& series : chart.series) {
    Range range;
    double last = std::numeric_limits<double>::quiet_NaN();
    for (const double v : series.values) {
      range.include(v);
      if (std::isfinite(v)) last = v;
    }
    if (!range.empty())
      text += fmt::format(" {}: {:.4g} to {:.4g}, {:.4g} at the end.", series.name, range.low, range.high, last);
  }
  return text;
}

}  // namespace

std::vector<double> axis_ticks(double low, double high, int count) {
  if (low == high) {  // one value: a little room around it
    const double room = low == 0 ? 1 : std::fabs(low) * 0.1;
    low -= room;
    high += room;
  }
  const double rough = (high - low) / count, power = std::pow(10, std::floor(std::log10(rough)));
  double step = 10 * power;
  for (const double factor : {5.0, 2.0, 1.0})
    if (factor * power >= rough) step = factor * power;
  const auto first = static_cast<int64_t>(std::floor(low / step + 1e-9)),
             last = static_cast<int64_t>(std::ceil(high / step - 1e-9));
  std::vector<double> ticks;
  for (int64_t i = first; i <= last; ++i) ticks.push_back(static_cast<double>(i) * step);
  return ticks;
}

std::string line_chart_html(const LineChart& chart) {
  const Range range = range_of(chart);
  if (range.empty()) return "";
  const Axes axes(chart, range);
  std::string legend, lines;
  for (size_t i = 0; i < chart.series.size(); ++i) {
    legend += fmt::format(R"(<span class="key s{}">{}</span>)", i, escape_html(chart.series[i].name));
    lines += line(chart, i, axes);
  }
  return fmt::format(R"(<figure class="chart" data-chart="{}"><figcaption><strong>{}</strong> {}</figcaption>)"
                     R"(<svg viewBox="0 0 {} {}" role="img" aria-label="{}" tabindex="0">{}{})"
                     R"(<line class="cursor" y1="{}" y2="{}" x1="0" x2="0"/></svg>)"
                     "<output></output></figure>\n",
                     chart.id, escape_html(chart.title), legend, kWidth, kHeight, escape_html(in_words(chart)), grid(axes), lines,
                     kTop, kHeight - kBottom);
}

nlohmann::json line_chart_data(const LineChart& chart) {
  const Range range = range_of(chart);
  if (range.empty()) return nullptr;
  const Axes axes(chart, range);
  nlohmann::json json = {{"x", chart.x}, {"at", nlohmann::json::array()}, {"series", nlohmann::json::array()}};
  for (const double x : chart.x) json["at"].push_back(std::round(10 * axes.x(x)) / 10);  // where the epoch lies in the SVG
  for (const Series& series : chart.series) json["series"].push_back({{"name", series.name}, {"values", series.values}});
  return json;
}

}  // namespace tessera::tools
