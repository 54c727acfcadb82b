#include "models/registry.h"

#include <fmt/ranges.h>

#include "models/registry_row.h"

namespace tessera::models {
namespace {

const std::vector<RegistryRow>& all_rows() {
  static const std::vector<RegistryRow> all = [] {
    std::vector<RegistryRow> list;
    for (const auto& family : {unet_rows(), fcn_rows(), resnet_rows(), vgg_rows()})
      list.insert(list.end(), family.begin(), family.end());
    return list;
  }();
  return all;
}

const RegistryRow& row(const std::string& name) {
  std::vector<std::string> names;
  for (const RegistryRow& r : all_rows()) {
    if (r.info.name == name) return r;
    names.push_back(r.info.name);
  }
  throw ValueError(fmt::format("there is no network \"{}\". There is: {}.", name, fmt::join(names, ", ")));
}

}  // namespace

const std::vector<ModelInfo>& list_models() {
  static const std::vector<ModelInfo> infos = [] {
    std::vector<ModelInfo> result;
    for (const RegistryRow& r : all_rows()) result.push_back(r.info);
    return result;
  }();
  return infos;
}

const ModelInfo& model_info(const std::string& name) {
  return row(name).info;
}

nn::AnyModule make_model(const std::string& name, const ModelOptions& options) {
  const RegistryRow& r = row(name);
  check<ValueError>(options.in_channels > 0 && options.num_classes > 0, "make_model: {} channels, {} classes",
                    options.in_channels, options.num_classes);
  return r.make(options, Settings(r.info, options));
}

NamedTensors rename_backbone(const std::string& name, NamedTensors weights) {
  const RegistryRow& r = row(name);
  if (r.rename)
    for (auto& [tensor_name, tensor] : weights) r.rename(tensor_name, tensor);
  return weights;
}

}  // namespace tessera::models
