#include "tools/options/network_options.h"

#include <algorithm>

#include "models/registry.h"
#include "tools/command.h"

namespace tessera::tools {
namespace {

std::vector<std::string> dense_models() {
  std::vector<std::string> names;
  for (const models::ModelInfo& info : models::list_models())
    if (info.kind == models::OutputKind::PixelScores) names.push_back(info.name);
  return names;
}

// Whether the network has a setting; if not, the flag for it must not be there.
bool has_setting(const NetworkOptions& o, const char* name, const char* flag, bool given) {
  const auto& settings = models::model_info(o.model).settings;
  const bool has = std::any_of(settings.begin(), settings.end(), [&](const models::ModelSetting& s) { return s.name == name; });
  check<UsageError>(has || !given, "--{}: {} has no such setting; tessera models {} shows those that it has.", flag, o.model,
                    o.model);
  check<UsageError>(!given || !o.setting.contains(name), "--{} and --setting {} say the same thing. Leave one out.", flag, name);
  return has && !o.setting.contains(name);
}

}  // namespace

std::vector<Setting> network_settings(NetworkOptions& o) {
  return {
      {"--model", &o.model, "The network; tessera models lists them", dense_models()},
      {"-s,--setting", &o.setting, "A setting of the network (tessera models NAME lists them); may be repeated"},
      {"--feature-scale", &o.feature_scale, "Divides a U-Net's channels [8 for shapes, else 4]"},
      {"--deconv,!--no-deconv", &o.deconv, "U-Net: upsampling by transposed convolution, or bilinear [yes]"},
      {"--batchnorm,!--no-batchnorm", &o.batchnorm, "U-Net: batch normalisation [yes]"},
      {.flags = "--weights",
       .field = &o.weights,
       .help = "Start from the weights of this file: .pth, .safetensors or a checkpoint",
       .type_name = "FILE"},
      {"--partial", &o.partial, "Take of --weights what fits by name and shape, and list the rest"},
      {.flags = "--freeze",
       .field = &o.freeze,
       .help = "Do not train parameters whose names start so; batch norms there keep their statistics; may be repeated",
       .type_name = "PREFIX"},
  };
}

void resolve(NetworkOptions& o, bool small_pictures) {
  check<UsageError>(models::model_info(o.model).kind == models::OutputKind::PixelScores,
                    "--model: {} gives one answer for a whole picture; training needs a network with scores for each pixel.",
                    o.model);
  if (has_setting(o, "feature_scale", "feature-scale", o.feature_scale.has_value()))
    o.feature_scale = o.feature_scale.value_or(small_pictures ? 8 : 4);
  if (has_setting(o, "is_deconv", "deconv", o.deconv.has_value())) o.deconv = o.deconv.value_or(true);
  if (has_setting(o, "is_batchnorm", "batchnorm", o.batchnorm.has_value())) o.batchnorm = o.batchnorm.value_or(true);
  check<UsageError>(o.feature_scale.value_or(1) >= 1 && o.feature_scale.value_or(1) <= 64, "--feature-scale: {}. From 1 to 64.",
                    o.feature_scale.value_or(1));
  check<UsageError>(!o.partial || !o.weights.empty(), "--partial is for --weights.");
}

NetworkConfig network_config(const NetworkOptions& o, int64_t classes) {
  NetworkConfig config{o.model, o.setting, classes};
  if (o.feature_scale) config.settings["feature_scale"] = std::to_string(*o.feature_scale);
  if (o.deconv) config.settings["is_deconv"] = *o.deconv ? "true" : "false";
  if (o.batchnorm) config.settings["is_batchnorm"] = *o.batchnorm ? "true" : "false";
  return config;
}

}  // namespace tessera::tools
