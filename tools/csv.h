// Comma-separated values (RFC 4180).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tessera::tools {

// A number with all its digits; nothing for NaN.
std::string csv_number(double value);
// Text, in quotes where it has a comma, a quote or a line's end.
std::string csv_text(const std::string& text);

// The rows and cells of a whole file. Rows may differ in length; an empty line is no row.
std::vector<std::vector<std::string>> parse_csv(std::string_view text);

}  // namespace tessera::tools
