// Which stored value stands for which class.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "tools/check_data/examination.h"

namespace tessera::tools {

bool is_speckle(const Occurrence& count) { return 5 * count.thin >= 3 * count.pixels; }

ClassTable class_table(const Examination& examination) {
  const Expectation& expected = examination.expected;
  ClassTable table;
  if (expected.given) table.names = expected.names;
  table.given = expected.given;
  if (!expected.values.empty()) {
    table.values.assign(expected.values.begin(), expected.values.end());
  } else if (table.given && !table.names.empty()) {
    table.values.resize(expected.names.size());
    std::iota(table.values.begin(), table.values.end(), int64_t{0});
  } else {
    for (const auto& [value, count] : examination.values())
      if (value != expected.ignore_index && !is_speckle(count)) table.values.push_back(value);
    // A class that happens not to occur leaves a gap; a table of values is for masks that were never meant as 0, 1, 2, ...
    const int64_t largest = table.values.empty() ? 0 : table.values.back();
    const bool counts_up = !table.values.empty() && table.values.front() == 0 && largest < 256 &&
                           largest + 1 <= 2 * static_cast<int64_t>(table.values.size());
    if (counts_up) {
      table.values.resize(static_cast<size_t>(largest) + 1);
      std::iota(table.values.begin(), table.values.end(), int64_t{0});
    }
  }
  while (table.names.size() < table.values.size()) table.names.push_back(fmt::format("class_{}", table.names.size()));
  return table;
}

std::string dataset_json(const ClassTable& table, const data::Palette& colors, const std::optional<int64_t>& ignore_index,
                         const std::optional<Recommendations>& statistics) {
  nlohmann::ordered_json json;
  json["classes"] = table.names;
  bool counts_up = true;
  for (size_t i = 0; i < table.values.size(); ++i) counts_up = counts_up && table.values[i] == static_cast<int64_t>(i);
  if (!counts_up) json["values"] = table.values;
  if (!colors.empty()) json["palette"] = colors;
  if (ignore_index) json["ignore_index"] = *ignore_index;
  if (statistics) {
    const auto rounded = [](const std::array<double, 3>& numbers) {
      nlohmann::ordered_json list;
      for (double number : numbers) list.push_back(std::round(number * 1e4) / 1e4);
      return list;
    };
    json["mean"] = rounded(statistics->mean);
    json["std"] = rounded(statistics->std);
  }
  return json.dump();
}

}  // namespace tessera::tools
