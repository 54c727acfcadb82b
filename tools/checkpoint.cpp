#include "tools/checkpoint.h"

#include <algorithm>

#include "nn/serialize/state_dict.h"

namespace tessera::tools {
namespace {

constexpr const char* kVersion = "1";

}  // namespace

void save_checkpoint(const std::string& file, const Checkpoint& c) {
  SafeTensors content;
  TrainOptions options = c.options;
  options.run.output.clear();
  content.metadata = {{"format", kCheckpointFormat}, {"format_version", kVersion}};
  const auto put = [&](const char* key, const nlohmann::json& value) { content.metadata[key] = value.dump(); };
  put("network", c.network);
  put("classes", c.classes.names);
  put("palette", c.classes.palette);
  put("mean", c.classes.mean);
  put("std", c.classes.std);
  put("ignore_index", c.classes.ignore_index);
  put("options", options);
  put("progress", c.progress);
  put("schedule", c.schedule);
  put("optimizer", c.optimizer);
  put("generator", {{"seed", c.generator_seed}, {"offset", c.generator_offset}});
  if (!c.trained.empty()) put("ema_updates", c.ema_updates);
  content.tensors = c.model;
  for (const auto& [name, value] : c.trained) content.tensors.emplace_back(std::string(kTrainedPrefix) + name, value);
  for (const auto& [name, value] : c.optimizer_tensors) content.tensors.emplace_back(std::string(kOptimizerPrefix) + name, value);
  save_safetensors(file, content);
}

Checkpoint load_checkpoint(const std::string& file) {
  SafeTensors content;
  try {
    content = load_safetensors(file);
  } catch (const FileError& error) {
    throw FileError(
        fmt::format("load_checkpoint: {}. Give a whole best.safetensors or last.safetensors of a run.", error.what()));
  }
  const auto damaged = [&](const std::string& what) { return FileError(fmt::format("load_checkpoint: {}: {}", file, what)); };
  if (const auto format = content.metadata.find("format"); format == content.metadata.end() || format->second != kCheckpointFormat)
    throw damaged("not a checkpoint of `tessera train`. Give the best.safetensors or last.safetensors of a run.");
  if (const std::string& version = content.text("format_version"); version != kVersion)
    throw damaged(fmt::format("format version {}, this program reads {}. Update tessera.", version, kVersion));
  Checkpoint c;
  try {
    const auto get = [&](const char* key) { return nlohmann::json::parse(content.text(key)); };
    c.network = get("network");
    c.classes.names = get("classes");
    c.classes.palette = get("palette");
    c.classes.mean = get("mean");
    c.classes.std = get("std");
    c.classes.ignore_index = get("ignore_index");
    c.options = get("options");
    c.progress = get("progress");
    c.schedule = get("schedule");
    c.optimizer = get("optimizer");
    c.generator_seed = get("generator").at("seed");
    c.generator_offset = get("generator").at("offset");
    if (content.metadata.contains("ema_updates")) c.ema_updates = get("ema_updates");
  } catch (const nlohmann::json::exception& error) {
    throw damaged(fmt::format("damaged metadata: {}", error.what()));
  } catch (const ValueError& error) {
    throw damaged(error.what());
  }
  const Progress& p = c.progress;
  const auto classes = static_cast<size_t>(c.classes.num_classes());
  if (c.network.classes != c.classes.num_classes() ||
      !std::all_of(p.history.begin(), p.history.end(), [&](const EpochRecord& r) { return r.class_iou.size() == classes; }))
    throw damaged("damaged metadata: the numbers of classes contradict each other.");
  if (p.best_epoch < 0 || p.best_epoch > static_cast<int64_t>(p.history.size()) || p.epoch < 0 || p.batch < 0 || p.step < 0)
    throw damaged("damaged metadata: the run's progress contradicts itself.");
  for (auto& [name, value] : content.tensors) {
    if (name.starts_with(kOptimizerPrefix))
      c.optimizer_tensors.emplace_back(name.substr(kOptimizerPrefix.size()), std::move(value));
    else if (name.starts_with(kTrainedPrefix))
      c.trained.emplace_back(name.substr(kTrainedPrefix.size()), std::move(value));
    else
      c.model.emplace_back(name, std::move(value));
  }
  return c;
}

void load_model(const nn::Module& module, const NamedTensors& tensors, const std::string& file) {
  try {
    nn::load_state_dict(module, tensors);
  } catch (const ValueError& error) {
    throw FileError(fmt::format("{}: {}", file, error.what()));
  }
}

}  // namespace tessera::tools
