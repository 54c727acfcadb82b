// A network's settings as the command line writes them: --setting NAME=VALUE, as often as needed.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace tessera::tools {

// Adds --setting to a command; what is typed goes to `texts`.
CLI::Option* add_setting_option(CLI::App& command, std::vector<std::string>& texts);

// {"feature_scale=4"} -> {"feature_scale": "4"}. Throws UsageError for text without "=" and for names given twice. Whether the
// network has them is for models::make_model to say.
std::map<std::string, std::string> parse_settings(const std::vector<std::string>& texts);

}  // namespace tessera::tools
