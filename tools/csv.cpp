#include "tools/csv.h"

#include <fmt/format.h>

#include <cmath>

namespace tessera::tools {

std::string csv_number(double value) { return std::isnan(value) ? "" : fmt::format("{}", value); }

std::string csv_text(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + '"';
}

std::vector<std::vector<std::string>> parse_csv(std::string_view text) {
  std::vector<std::vector<std::string>> rows;
  std::vector<std::string> row;
  std::string cell;
  bool quoted = false, any = false;  // inside quotes; whether the row has begun
  const auto end_row = [&] {
    if (any) {
      row.push_back(std::move(cell));
      rows.push_back(std::move(row));
    }
    row.clear();
    cell.clear();
    any = false;
  };
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c != '"')
        cell += c;
      else if (i + 1 < text.size() && text[i + 1] == '"')
        cell += text[++i];
      else
        quoted = false;
    } else if (c == '\n') {
      end_row();
    } else if (c != '\r') {
      any = true;
      if (c == '"' && cell.empty()) {
        quoted = true;
      } else if (c == ',') {
        row.push_back(std::move(cell));
        cell.clear();
      } else {
        cell += c;
      }
    }
  }
  end_row();
  return rows;
}

}  // namespace tessera::tools
