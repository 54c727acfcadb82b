#include "tools/train_options.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "models/registry.h"
#include "tools/command.h"

namespace tessera::tools {
namespace {

// The one list of names: visit(flag without dashes, field).
template <class Options, class Visit> void each_setting(Options& o, const Visit& visit) {
  visit("dataset", o.dataset);
  visit("data", o.data);
  visit("samples", o.samples);
  visit("size", o.size);
  visit("crop", o.crop);
  visit("augment", o.augment);
  visit("classes", o.classes);
  visit("ignore-index", o.ignore_index);
  visit("class-weights", o.class_weights);
  visit("model", o.model);
  visit("setting", o.setting);
  visit("feature-scale", o.feature_scale);
  visit("deconv", o.deconv);
  visit("batchnorm", o.batchnorm);
  visit("weights", o.weights);
  visit("partial", o.partial);
  visit("epochs", o.epochs);
  visit("batch-size", o.batch_size);
  visit("optimizer", o.optimizer);
  visit("schedule", o.schedule);
  visit("lr", o.lr);
  visit("weight-decay", o.weight_decay);
  visit("momentum", o.momentum);
  visit("clip-grad", o.clip_grad);
  visit("val-every", o.val_every);
  visit("seed", o.seed);
  visit("workers", o.workers);
  visit("threads", o.threads);
  visit("device", o.device);
  visit("output", o.output);
  visit("detect-anomaly", o.detect_anomaly);
}

template <class T> void put(nlohmann::json& json, const char* name, const T& value) {
  json[name] = value;
}
template <class T> void put(nlohmann::json& json, const char* name, const std::optional<T>& value) {
  json[name] = value ? nlohmann::json(*value) : nlohmann::json();
}
template <class T> void take(const nlohmann::json& json, T& value) {
  value = json.get<T>();
}
template <class T> void take(const nlohmann::json& json, std::optional<T>& value) {
  value = json.is_null() ? std::nullopt : std::optional<T>(json.get<T>());
}

template <class... Args> void require(bool condition, fmt::format_string<Args...> message, Args&&... args) {
  check<UsageError>(condition, message, std::forward<Args>(args)...);
}

// Whether the network has a setting; if not, the flag for it must not be there.
bool has_setting(const TrainOptions& o, const char* name, const char* flag, bool given) {
  const auto& settings = models::model_info(o.model).settings;
  const bool has = std::any_of(settings.begin(), settings.end(), [&](const models::ModelSetting& s) { return s.name == name; });
  require(has || !given, "--{}: {} has no such setting; tessera models {} shows those that it has.", flag, o.model, o.model);
  require(!given || !o.setting.contains(name), "--{} and --setting {} say the same thing. Leave one out.", flag, name);
  return has && !o.setting.contains(name);
}

void resolve_network(TrainOptions& o, bool shapes) {
  require(models::model_info(o.model).kind == models::OutputKind::PixelScores,
          "--model: {} gives one answer for a whole picture; training needs a network with scores for each pixel.", o.model);
  if (has_setting(o, "feature_scale", "feature-scale", o.feature_scale.has_value()))
    o.feature_scale = o.feature_scale.value_or(shapes ? 8 : 4);
  if (has_setting(o, "is_deconv", "deconv", o.deconv.has_value())) o.deconv = o.deconv.value_or(true);
  if (has_setting(o, "is_batchnorm", "batchnorm", o.batchnorm.has_value())) o.batchnorm = o.batchnorm.value_or(true);
  require(o.feature_scale.value_or(1) >= 1 && o.feature_scale.value_or(1) <= 64, "--feature-scale: {}. From 1 to 64.",
          o.feature_scale.value_or(1));
}

}  // namespace

void to_json(nlohmann::json& json, const TrainOptions& options) {
  json = nlohmann::json::object();
  each_setting(options, [&](const char* name, const auto& value) { put(json, name, value); });
}

void from_json(const nlohmann::json& json, TrainOptions& options) {
  each_setting(options, [&](const char* name, auto& value) {  // what an older version did not know keeps its default
    if (json.contains(name)) take(json[name], value);
  });
}

Size parse_size(const std::string& flag, const std::string& text) {
  Size size;
  const char* const end = text.data() + text.size();
  const auto [x, height_error] = std::from_chars(text.data(), end, size.height);
  bool good = height_error == std::errc() && x != end && *x == 'x';
  if (good) {
    const auto [last, width_error] = std::from_chars(x + 1, end, size.width);
    good = width_error == std::errc() && last == end && size.height >= 1 && size.width >= 1 && size.height <= 16384 &&
           size.width <= 16384;
  }
  require(good, "--{}: '{}' is no size. Write height x width in pixels, for example 360x480.", flag, text);
  return size;
}

void resolve(TrainOptions& o) {
  if (o.dataset.empty()) o.dataset = o.data.empty() ? "shapes" : "folder";
  const bool shapes = o.dataset == "shapes";
  require(shapes || !o.data.empty(),
          "--dataset folder needs --data DIR, a folder with train/images, train/labels, val/images, val/labels.");
  require(!shapes || o.data.empty(), "--data is for --dataset folder; the shapes are drawn, not read.");
  require(shapes || !o.samples, "--samples is for --dataset shapes.");
  require(!shapes || !o.classes, "--classes is for --dataset folder; the shapes have 7 classes.");
  require(!shapes || !o.ignore_index, "--ignore-index is for --dataset folder.");

  if (shapes) {
    o.samples = o.samples.value_or(4096);
    if (o.size.empty()) o.size = "64x64";
  }
  resolve_network(o, shapes);
  o.epochs = o.epochs.value_or(shapes ? 6 : 50);
  o.batch_size = o.batch_size.value_or(shapes ? 8 : 4);
  if (!o.lr) o.lr = o.optimizer == "sgd" ? 0.05 : o.optimizer == "rmsprop" ? 1e-3 : shapes ? 3e-3 : 2e-3;

  if (!o.size.empty()) {
    const Size size = parse_size("size", o.size);
    require(!shapes || (std::min(size.height, size.width) >= 16 && std::max(size.height, size.width) <= 4096),
            "--size: {}. Shapes are drawn from 16x16 to 4096x4096.", o.size);
  }
  if (!o.crop.empty()) parse_size("crop", o.crop);
  require(!o.samples || (*o.samples >= 1 && *o.samples <= 100'000'000), "--samples: {}. From 1 to 100000000.",
          o.samples.value_or(0));
  require(!o.classes || (*o.classes >= 2 && *o.classes <= 256), "--classes: {}. From 2 to 256.", o.classes.value_or(0));
  require(*o.epochs >= 1 && *o.epochs <= 1'000'000, "--epochs: {}. From 1 to 1000000.", *o.epochs);
  require(*o.batch_size >= 1 && *o.batch_size <= 65536, "--batch-size: {}. From 1 to 65536.", *o.batch_size);
  require(*o.lr > 0 && std::isfinite(*o.lr), "--lr: {}. A positive number.", *o.lr);
  require(o.weight_decay >= 0, "--weight-decay: {}. Not negative.", o.weight_decay);
  require(o.momentum >= 0 && o.momentum < 1, "--momentum: {}. From 0 to below 1.", o.momentum);
  require(o.clip_grad >= 0, "--clip-grad: {}. A norm, or 0 for none.", o.clip_grad);
  require(o.val_every >= 1, "--val-every: {}. At least 1.", o.val_every);
  require(o.workers >= 0 && o.workers <= 1024, "--workers: {}. From 0 to 1024.", o.workers);
  require(o.threads >= 0 && o.threads <= 1024, "--threads: {}. From 0 (all cores) to 1024.", o.threads);
  require(!o.partial || !o.weights.empty(), "--partial is for --weights.");
  require(!o.output.empty(), "--output: no folder is named.");
}

TrainOptions merge_for_resume(const TrainOptions& checkpoint, const TrainOptions& now, const std::set<std::string>& given) {
  const nlohmann::json flags = now;
  nlohmann::json merged = checkpoint;
  for (const std::string& name : given) {
    if (!flags.contains(name) || flags[name] == merged[name]) continue;
    static const std::set<std::string> free = {"data", "workers", "threads", "device", "output", "detect-anomaly"};
    require(free.contains(name) || (name == "epochs" && checkpoint.schedule != "onecycle"),
            "--{}: the run to resume has {}, not {}. Leave the flag out, or start a new run.", name, merged[name].dump(),
            flags[name].dump());
    merged[name] = flags[name];
  }
  TrainOptions options = merged.get<TrainOptions>();
  if (options.dataset == "shapes") options.classes = options.ignore_index = std::nullopt;  // no settings there, but found again
  return options;
}

std::string describe(const TrainOptions& options) {
  const nlohmann::json json = options;
  std::string text;
  each_setting(options, [&](const char* name, const auto&) {
    const nlohmann::json& value = json[name];
    if (value.is_null() || value == "" || value == nlohmann::json::object()) return;
    text += fmt::format("  {:<15}{}\n", name, value.is_string() ? value.get<std::string>() : value.dump());
  });
  return text;
}

}  // namespace tessera::tools
