// The report of `tessera check-data`, for people and for programs.
#pragma once

#include <nlohmann/json.hpp>

#include "tools/check_data/examination.h"

namespace tessera::tools {

// What there is, the table of classes, what can be pasted, then the findings with their remedies.
std::string report_text(const Examination& examination, const std::vector<Finding>& findings);

// {"data", "layout", "complete", "splits": {NAME: {"pairs", "read"}}, "classes": [{"name", "value", "pixels", "frequency",
//  "weight"}], "ignore_index", "colors": {"#rrggbb": pixels}, "mean", "std", "sizes": [{"height", "width", "pictures"}],
//  "errors", "warnings", "notes", "findings": [{"severity", "code", "what", "remedy", "count", "examples"}]}
nlohmann::ordered_json report_json(const Examination& examination, const std::vector<Finding>& findings);

// "2 errors, 1 warning, 3 notes"
std::string summary_line(const std::vector<Finding>& findings);

}  // namespace tessera::tools
