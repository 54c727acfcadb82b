#include "tools/train_options.h"

#include "tools/command.h"

namespace tessera::tools {
namespace {

// visit(setting) for each, in the order of --help.
template <class Visit> void each_setting(TrainOptions& options, const Visit& visit) {
  for (const SettingGroup& group : all_settings(options))
    for (const Setting& setting : group.settings) visit(setting);
}

}  // namespace

std::vector<SettingGroup> all_settings(TrainOptions& o) {
  return {
      {"Data", data_settings(o.data)},       {"Network", network_settings(o.network)},
      {"Loss", loss_settings(o.loss)},       {"Training", optimization_settings(o.optimization)},
      {"Run", run_settings(o.run)},          {"Loader", loader_settings(o.loader)},
      {"Device", device_settings(o.device)},
  };
}

void to_json(nlohmann::json& json, const TrainOptions& options) {
  TrainOptions copy = options;  // a setting points at a field that can be changed
  json = nlohmann::json::object();
  each_setting(copy, [&](const Setting& setting) { json[setting.name()] = to_json_value(setting); });
  if (options.stage != 0) json["stage"] = options.stage;
}

void from_json(const nlohmann::json& json, TrainOptions& options) {
  check<ValueError>(json.is_object(), "settings: a JSON {} where an object, {{\"NAME\": VALUE}}, is expected.", json.type_name());
  each_setting(options, [&](const Setting& setting) {  // what an older version did not know keeps its default
    const std::string name = setting.name();
    if (json.contains(name)) assign(setting, json[name]);
  });
  const nlohmann::json stage = json.value("stage", nlohmann::json(0));
  check<ValueError>(stage == 0 || stage == 1 || stage == 2, "stage: {} is not 0, 1 or 2.", stage.dump());
  options.stage = stage.get<int64_t>();
}

void resolve(TrainOptions& o) {
  resolve(o.data);
  const bool shapes = o.data.is_shapes();
  resolve(o.network, shapes);
  resolve(o.loss);
  resolve(o.optimization, shapes);
  resolve(o.device);
  resolve(o.loader, Device(o.device.device).is_cuda());
  resolve(o.run, *o.optimization.epochs);
}

TrainOptions merge_for_resume(const TrainOptions& checkpoint, const TrainOptions& now, const std::set<std::string>& given) {
  const nlohmann::json flags = now, before = checkpoint;
  TrainOptions merged = checkpoint;
  each_setting(merged, [&](const Setting& setting) {
    const std::string name = setting.name();
    if (!given.contains(name) || flags[name] == before[name]) return;
    check<UsageError>(setting.free_on_resume || (name == "epochs" && !fixes_epochs(checkpoint.optimization)),
                      "--{}: the run to resume has {}, not {}. Leave the flag out, or start a new run.", name,
                      before[name].dump(), flags[name].dump());
    assign(setting, flags[name]);
  });
  if (merged.data.is_shapes())  // no settings there, but found again
    merged.data.classes = merged.data.ignore_index = std::nullopt;
  return merged;
}

std::string describe(const TrainOptions& options) {
  TrainOptions copy = options;
  std::string text;
  each_setting(copy, [&](const Setting& setting) {
    const nlohmann::json value = to_json_value(setting);
    if (value.is_null() || value == "" || value == nlohmann::json::object() || value == nlohmann::json::array()) return;
    text += fmt::format("  {:<17} {}\n", setting.name(), value.is_string() ? value.get<std::string>() : value.dump());
  });
  return text;
}

}  // namespace tessera::tools
