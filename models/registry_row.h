// What a row of the registry is made of. Adding a network is one row in the function of its family below.
#pragma once

#include <functional>

#include "models/registry.h"
#include "models/resnet.h"

namespace tessera::models {

// The settings of one call, checked against those that the network has. Each getter takes the value given, or the default, and
// throws ValueError where the text does not say such a value.
class Settings {
 public:
  Settings(const ModelInfo& info, const ModelOptions& options);  // keeps references to both
  int64_t integer(const std::string& name) const;
  double number(const std::string& name) const;
  bool flag(const std::string& name) const;  // true, false, 1 or 0
  const std::string& text(const std::string& name) const;

 private:
  const ModelInfo& info_;
  const std::map<std::string, std::string>& given_;
};

struct RegistryRow {
  ModelInfo info;
  std::function<nn::AnyModule(const ModelOptions&, const Settings&)> make;
  // Renames one tensor of the backbone (rename_backbone); empty where the names are torchvision's own.
  std::function<void(std::string& name, Tensor& tensor)> rename = nullptr;
};

// The families, each in its file registry_FAMILY.cpp.
std::vector<RegistryRow> unet_rows();
std::vector<RegistryRow> resnet_rows();
std::vector<RegistryRow> vgg_rows();
std::vector<RegistryRow> fcn_rows();

// The ResNets by name, for rows of networks that are built on each of them.
struct NamedResNet {
  std::string name, title;  // "resnext50_32x4d", "ResNeXt-50 (32 x 4d)"
  ResNetOptions options;
};
const std::vector<NamedResNet>& named_resnets();
// The settings that change a ResNet used as backbone, with this one's values as defaults, and what they make of it.
std::vector<ModelSetting> backbone_settings(const ResNetOptions& defaults);
ResNetOptions backbone_options(ResNetOptions options, const ModelOptions& model, const Settings& settings);

}  // namespace tessera::models
