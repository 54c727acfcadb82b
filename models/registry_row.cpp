#include "models/registry_row.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

namespace tessera::models {

Settings::Settings(const ModelInfo& info, const ModelOptions& options) : info_(info), given_(options.settings) {
  std::vector<std::string> names;
  for (const ModelSetting& s : info.settings) names.push_back(s.name);
  for (const auto& [name, value] : given_)
    check<ValueError>(std::find(names.begin(), names.end(), name) != names.end(),
                      "make_model: {} has no setting \"{}\". It has: {}.", info.name, name, fmt::join(names, ", "));
}

const std::string& Settings::text(const std::string& name) const {
  const auto given = given_.find(name);
  if (given != given_.end()) return given->second;
  const auto setting =
      std::find_if(info_.settings.begin(), info_.settings.end(), [&](const ModelSetting& s) { return s.name == name; });
  check<ValueError>(setting != info_.settings.end(), "make_model: the row of {} reads \"{}\", which it does not list", info_.name,
                    name);
  return setting->default_value;
}

namespace {

template <class T> T parsed(const ModelInfo& info, const std::string& name, const std::string& text, const char* what) {
  T value{};
  const char* last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, value);
  check<ValueError>(error == std::errc() && end == last, "make_model: {}: {} \"{}\" is no {}", info.name, name, text, what);
  return value;
}

}  // namespace

int64_t Settings::integer(const std::string& name) const {
  return parsed<int64_t>(info_, name, text(name), "integer");
}

double Settings::number(const std::string& name) const {
  return parsed<double>(info_, name, text(name), "number");
}

bool Settings::flag(const std::string& name) const {
  const std::string& value = text(name);
  check<ValueError>(value == "true" || value == "false" || value == "1" || value == "0",
                    "make_model: {}: {} \"{}\" is neither true nor false", info_.name, name, value);
  return value == "true" || value == "1";
}

}  // namespace tessera::models
