#include "tools/config_file.h"

#include <algorithm>

#include "data/file.h"
#include "tools/command.h"
#include "tools/nearest_name.h"

namespace tessera::tools {
namespace {

// The settings of some options, by any of their names.
class SettingTable {
 public:
  explicit SettingTable(TrainOptions& options) {
    for (SettingGroup& group : all_settings(options))
      for (Setting& setting : group.settings) settings_.push_back(std::move(setting));
  }

  const Setting& find(const std::string& name, const std::string& where) const {
    std::vector<std::string> all;
    for (const Setting& setting : settings_)
      for (const std::string& each : setting.names()) {
        if (each == name) return setting;
        all.push_back(each);
      }
    throw UsageError(fmt::format("{}: '{}' is no setting{}.", where, name, did_you_mean(name, all)));
  }
  const std::vector<Setting>& all() const { return settings_; }

 private:
  std::vector<Setting> settings_;
};

void assign(const Setting& setting, const nlohmann::json& value, const std::string& where) {
  try {
    assign(setting, value);
  } catch (const ValueError& error) {
    throw UsageError(fmt::format("{}: {}", where, error.what()));
  }
}

nlohmann::json read_config(const std::string& file) {
  const std::vector<uint8_t> bytes = data::read_file("train", file);
  nlohmann::json json;
  try {
    json = nlohmann::json::parse(bytes.begin(), bytes.end(), nullptr, true, /*ignore_comments=*/true);
  } catch (const nlohmann::json::parse_error& error) {
    throw UsageError(fmt::format("--config {}: no JSON, at byte {}. Write {{\"epochs\": 20, \"lr\": 0.001}}.", file, error.byte));
  }
  check<UsageError>(json.is_object(), "--config {}: not an object of settings. Write {{\"epochs\": 20, \"lr\": 0.001}}.", file);
  // A config.json says what was found out about the data and which part of a run it was; a new run finds it out itself.
  if (json.value("dataset", nlohmann::json()) == "shapes") json["classes"] = json["ignore-index"] = nullptr;
  json.erase("stage");
  return json;
}

// Text that is no JSON is itself: --set optimizer=sgd.
nlohmann::json parse_value(const Setting& setting, const std::string& text) {
  if (std::holds_alternative<std::string*>(setting.field)) return text;
  const nlohmann::json json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  return json.is_discarded() ? nlohmann::json(text) : json;
}

}  // namespace

TrainOptions configured(const TrainOptions& flags, std::set<std::string>& given, const ConfigSources& sources) {
  TrainOptions options, copy = flags;
  const SettingTable table(options), typed(copy);
  if (!sources.file.empty()) {
    const std::string where = "--config " + sources.file;
    const nlohmann::json config = read_config(sources.file);
    for (const auto& [name, value] : config.items()) assign(table.find(name, where), value, where);
  }
  std::set<std::string> assigned;
  for (const std::string& text : sources.assignments) {
    const size_t equals = text.find('=');
    check<UsageError>(equals != std::string::npos && equals > 0, "--set: '{}' is not NAME=VALUE.", text);
    const std::string name = text.substr(0, equals), value = text.substr(equals + 1);
    if (constexpr std::string_view prefix = "setting."; name.starts_with(prefix)) {
      options.network.setting[name.substr(prefix.size())] = value;
      assigned.insert("setting");
      continue;
    }
    const Setting& setting = table.find(name, "--set");
    assign(setting, parse_value(setting, value), "--set");
    assigned.insert(setting.name());
  }
  for (size_t i = 0; i < typed.all().size(); ++i)
    if (given.contains(typed.all()[i].name())) assign(table.all()[i], to_json_value(typed.all()[i]));
  given.merge(assigned);
  return options;
}

}  // namespace tessera::tools
