#include "tools/model_settings.h"

#include <CLI/App.hpp>

#include "tools/command.h"

namespace tessera::tools {

CLI::Option* add_setting_option(CLI::App& command, std::vector<std::string>& texts) {
  return command.add_option("-s,--setting", texts, "A setting of the network (tessera models NAME lists them); may be repeated")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false)
      ->default_str("");
}

std::map<std::string, std::string> parse_settings(const std::vector<std::string>& texts) {
  std::map<std::string, std::string> settings;
  for (const std::string& text : texts) {
    const size_t equals = text.find('=');
    check<UsageError>(equals != std::string::npos && equals > 0, "--setting: '{}' is not NAME=VALUE.", text);
    check<UsageError>(settings.emplace(text.substr(0, equals), text.substr(equals + 1)).second, "--setting: {} is given twice.",
                      text.substr(0, equals));
  }
  return settings;
}

}  // namespace tessera::tools
