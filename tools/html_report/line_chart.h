// Lines over epochs as inline SVG.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace tessera::tools {

struct Series {
  std::string name;
  std::vector<double> values;  // one for each x; NaN leaves a point out
};

struct LineChart {
  std::string id, title;
  std::vector<double> x;  // increasing
  std::vector<Series> series;
  bool from_zero = false;  // the axis begins at 0
};

// A figure: title, legend, the SVG with axes and grid, a line a series, a dot a point where there are few. The page's script
// shows the values under the pointer from line_chart_data. Empty where no series has a point.
std::string line_chart_html(const LineChart& chart);
nlohmann::json line_chart_data(const LineChart& chart);

// Round numbers (1, 2 or 5 times a power of ten apart), about `count` of them, that span low..high. low <= high, both finite.
std::vector<double> axis_ticks(double low, double high, int count);

}  // namespace tessera::tools
