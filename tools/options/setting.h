// A setting of a training run, described once: its flags, its place in config.json, its text in --help.
//
// Each group of settings is a struct of fields in tools/options/NAME_options.h with a function that lists them,
//     std::vector<Setting> NAME_settings(NAMEOptions& options);
// A new setting is a field there and a line in that list; command line, configuration files, checkpoints and what a run prints
// follow from it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace CLI {
class App;
}

namespace tessera::tools {

// Where the value lies. An optional without a value is found out from the data set or from other settings; a map is written as
// NAME=VALUE, as often as needed.
using SettingField =
    std::variant<std::string*, bool*, int64_t*, uint64_t*, double*, std::optional<bool>*, std::optional<int64_t>*,
                 std::optional<double>*, std::vector<std::string>*, std::map<std::string, std::string>*>;

struct Setting {
  std::string flags;  // as CLI11 takes them: "-b,--batch-size"; a switch may have "--x,!--no-x". The first long one names it
  SettingField field;
  std::string help;                       // --help adds the default, but for optionals and switches, where the text says it
  std::vector<std::string> choices = {};  // all that may be written; empty for anything
  std::string type_name = "";             // "DIR"; empty for the type's own
  bool free_on_resume = false;            // does not change what is computed, so that a resumed run may have another value

  std::string name() const;                // "batch-size": the key in config.json
  std::vector<std::string> names() const;  // all long ones, that one first; without the --no-x of switches
};

// The value as JSON, null for an optional without one; and back. ValueError "NAME: VALUE is ..." for another type or choice.
nlohmann::json to_json_value(const Setting& setting);
void assign(const Setting& setting, const nlohmann::json& value);

// Adds the flags to a subcommand, under a heading of its --help.
void add_flags(CLI::App& command, const std::string& heading, const std::vector<Setting>& settings);

}  // namespace tessera::tools
