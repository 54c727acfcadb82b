#include "models/registry.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "models/unet.h"

namespace tessera::models {
namespace {

// The settings of one call, checked against those that the network has.
class Settings {
 public:
  Settings(const ModelInfo& info, const ModelOptions& options) : info_(info), given_(options.settings) {
    std::vector<std::string> names;
    for (const ModelSetting& s : info.settings) names.push_back(s.name);
    for (const auto& [name, value] : given_)
      check<ValueError>(std::find(names.begin(), names.end(), name) != names.end(),
                        "make_model: {} has no setting \"{}\". It has: {}.", info.name, name, fmt::join(names, ", "));
  }
  int64_t integer(const std::string& name) const {
    const std::string& value = text(name);
    int64_t number = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    check<ValueError>(error == std::errc() && end == value.data() + value.size(), "make_model: {}: \"{}\" is no integer", name,
                      value);
    return number;
  }
  bool flag(const std::string& name) const {
    const std::string& value = text(name);
    check<ValueError>(value == "true" || value == "false" || value == "1" || value == "0",
                      "make_model: {}: \"{}\" is neither true nor false", name, value);
    return value == "true" || value == "1";
  }

 private:
  const std::string& text(const std::string& name) const {
    const auto it = given_.find(name);
    if (it != given_.end()) return it->second;
    return std::find_if(info_.settings.begin(), info_.settings.end(), [&](const ModelSetting& s) { return s.name == name; })
        ->default_value;
  }
  const ModelInfo& info_;
  const std::map<std::string, std::string>& given_;
};

nn::AnyModule make_unet(const ModelOptions& options, const Settings& settings) {
  return UNet(UNetOptions()
                  .in_channels(options.in_channels)
                  .n_classes(options.num_classes)
                  .feature_scale(settings.integer("feature_scale"))
                  .is_deconv(settings.flag("is_deconv"))
                  .is_batchnorm(settings.flag("is_batchnorm")));
}

struct Entry {
  ModelInfo info;
  nn::AnyModule (*make)(const ModelOptions&, const Settings&);
};

const std::vector<Entry>& entries() {
  static const std::vector<Entry> list = {
      {{"unet",
        "U-Net: a score for each pixel of the image, from features of five sizes",
        {{"feature_scale", "2", "divides the widths 64, 128, 256, 512, 1024"},
         {"is_deconv", "false", "go up by transposed convolution, not bilinearly"},
         {"is_batchnorm", "true", "batch normalisation on the way down"}}},
       make_unet},
  };
  return list;
}

}  // namespace

const std::vector<ModelInfo>& list_models() {
  static const std::vector<ModelInfo> infos = [] {
    std::vector<ModelInfo> result;
    for (const Entry& e : entries()) result.push_back(e.info);
    return result;
  }();
  return infos;
}

nn::AnyModule make_model(const std::string& name, const ModelOptions& options) {
  check<ValueError>(options.in_channels > 0 && options.num_classes > 0, "make_model: {} channels, {} classes",
                    options.in_channels, options.num_classes);
  std::vector<std::string> names;
  for (const Entry& e : entries()) {
    if (e.info.name == name) return e.make(options, Settings(e.info, options));
    names.push_back(e.info.name);
  }
  throw ValueError(fmt::format("make_model: there is no network \"{}\". There is: {}.", name, fmt::join(names, ", ")));
}

}  // namespace tessera::models
