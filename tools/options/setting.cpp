#include "tools/options/setting.h"

#include <CLI/App.hpp>
#include <algorithm>
#include <charconv>
#include <type_traits>

#include "core/error.h"
#include "tools/model_settings.h"

namespace tessera::tools {
namespace {

template <class T> struct Value {
  using type = T;
  static constexpr bool optional = false;
};
template <class T> struct Value<std::optional<T>> {
  using type = T;
  static constexpr bool optional = true;
};

template <class T> const char* kind() {
  if constexpr (std::is_same_v<T, bool>)
    return "true or false";
  else if constexpr (std::is_same_v<T, uint64_t>)
    return "a whole number from 0 on";
  else if constexpr (std::is_same_v<T, int64_t>)
    return "a whole number";
  else if constexpr (std::is_same_v<T, double>)
    return "a number";
  else if constexpr (std::is_same_v<T, std::string>)
    return "text";
  else if constexpr (std::is_same_v<T, std::vector<std::string>>)
    return "a list of text";
  else
    return "an object of text, {\"name\": \"value\"}";
}

template <class T> bool fits(const nlohmann::json& value) {
  if constexpr (std::is_same_v<T, bool>)
    return value.is_boolean();
  else if constexpr (std::is_same_v<T, uint64_t>)
    return value.is_number_unsigned();
  else if constexpr (std::is_same_v<T, int64_t>)
    return value.is_number_integer() &&
           (!value.is_number_unsigned() || value.get<uint64_t>() <= static_cast<uint64_t>(INT64_MAX));
  else if constexpr (std::is_same_v<T, double>)
    return value.is_number();
  else if constexpr (std::is_same_v<T, std::string>)
    return value.is_string();
  else if constexpr (std::is_same_v<T, std::vector<std::string>>)
    return value.is_array() && std::all_of(value.begin(), value.end(), [](const auto& item) { return item.is_string(); });
  else
    return value.is_object() && std::all_of(value.begin(), value.end(), [](const auto& item) { return item.is_string(); });
}

// CLI11 reads -1 as 2^64 - 1, and what is above as that, too.
std::string natural_number(const std::string& text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool good = error == std::errc() && end == text.data() + text.size();
  return good ? "" : fmt::format("{} is no number from 0 to 2^64 - 1", text);
}

template <class T> CLI::Option* add_flag(CLI::App& command, const Setting& setting, T& field) {
  using V = typename Value<T>::type;
  if constexpr (std::is_same_v<T, std::optional<bool>>) {
    // Not add_flag(flags, field): CLI11 takes an optional for a counter and sets it to 0, which is "no" and not "left open".
    return command.add_flag_function(
        setting.flags, [&field](int64_t count) { field = count > 0; }, setting.help);
  } else if constexpr (std::is_same_v<V, bool>) {
    return command.add_flag(setting.flags, field, setting.help);
  } else if constexpr (std::is_same_v<V, std::map<std::string, std::string>>) {
    return command
        .add_option_function<std::vector<std::string>>(
            setting.flags, [&field](const std::vector<std::string>& texts) { field = parse_settings(texts); }, setting.help)
        ->type_name("NAME=VALUE")
        ->allow_extra_args(false)
        ->default_str("");
  } else if constexpr (std::is_same_v<V, std::vector<std::string>>) {
    return command.add_option(setting.flags, field, setting.help)->allow_extra_args(false)->default_str("");
  } else {
    CLI::Option* const option = command.add_option(setting.flags, field, setting.help);
    if constexpr (std::is_same_v<V, uint64_t>) option->check(natural_number);
    return option;
  }
}

}  // namespace

std::string Setting::name() const { return names().front(); }

std::vector<std::string> Setting::names() const {
  std::vector<std::string> names;
  for (size_t start = 0; start < flags.size();) {
    const size_t end = std::min(flags.find(',', start), flags.size());
    const std::string flag = flags.substr(start, end - start);
    if (flag.starts_with("--")) names.push_back(flag.substr(2));
    start = end + 1;
  }
  return names;
}

nlohmann::json to_json_value(const Setting& setting) {
  return std::visit(
      [](const auto* field) -> nlohmann::json {
        if constexpr (Value<std::remove_cvref_t<decltype(*field)>>::optional) {
          return *field ? nlohmann::json(**field) : nlohmann::json();
        } else {
          return *field;
        }
      },
      setting.field);
}

void assign(const Setting& setting, const nlohmann::json& value) {
  if (value == to_json_value(setting)) return;  // a default may be none of the choices: empty, for "found out later"
  std::visit(
      [&](auto* field) {
        using T = std::remove_cvref_t<decltype(*field)>;
        using V = typename Value<T>::type;
        if constexpr (Value<T>::optional) {
          if (value.is_null()) {
            field->reset();
            return;
          }
        }
        check<ValueError>(fits<V>(value), "{}: {} is not {}.", setting.name(), value.dump(), kind<V>());
        *field = value.get<V>();
      },
      setting.field);
  if (setting.choices.empty() || !value.is_string()) return;
  check<ValueError>(std::find(setting.choices.begin(), setting.choices.end(), value.get<std::string>()) != setting.choices.end(),
                    "{}: {} is none of {}.", setting.name(), value.dump(), fmt::join(setting.choices, ", "));
}

void add_flags(CLI::App& command, const std::string& heading, const std::vector<Setting>& settings) {
  for (const Setting& setting : settings) {
    CLI::Option* const option = std::visit([&](auto* field) { return add_flag(command, setting, *field); }, setting.field);
    option->group(heading);
    if (!setting.choices.empty()) option->check(CLI::IsMember(setting.choices));
    if (!setting.type_name.empty()) option->type_name(setting.type_name);
  }
}

}  // namespace tessera::tools
