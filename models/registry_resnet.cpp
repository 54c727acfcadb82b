// The registry's rows of the ResNets, and the table that networks built on them share.
#include "models/registry_row.h"

namespace tessera::models {

const std::vector<NamedResNet>& named_resnets() {
  static const std::vector<NamedResNet> table = {
      {"resnet18", "ResNet-18", resnet18()},
      {"resnet34", "ResNet-34", resnet34()},
      {"resnet50", "ResNet-50", resnet50()},
      {"resnet101", "ResNet-101", resnet101()},
      {"resnet152", "ResNet-152", resnet152()},
      {"resnext50_32x4d", "ResNeXt-50 (32 groups of 4)", resnext50_32x4d()},
      {"resnext101_32x8d", "ResNeXt-101 (32 groups of 8)", resnext101_32x8d()},
      {"wide_resnet50_2", "Wide ResNet-50 (twice as wide)", wide_resnet50_2()},
      {"wide_resnet101_2", "Wide ResNet-101 (twice as wide)", wide_resnet101_2()},
  };
  return table;
}

std::vector<ModelSetting> backbone_settings(const ResNetOptions& defaults) {
  return {{"deep_base", "false", "three 3 x 3 convolutions at the start in place of one 7 x 7"},
          {"stem_width", std::to_string(defaults.stem_width()), "channels of the first two of those; the third has twice"},
          {"groups", std::to_string(defaults.groups()), "groups of the 3 x 3 convolutions of bottleneck blocks"},
          {"width_per_group", std::to_string(defaults.width_per_group()), "their channels a group where a block has 64 planes"},
          {"se_reduction", std::to_string(defaults.se_reduction()), "squeeze and excitation in each block by this; 0: none"}};
}

ResNetOptions backbone_options(ResNetOptions options, const ModelOptions& model, const Settings& settings) {
  return options.in_channels(model.in_channels)
      .num_classes(model.num_classes)
      .deep_base(settings.flag("deep_base"))
      .stem_width(settings.integer("stem_width"))
      .groups(settings.integer("groups"))
      .width_per_group(settings.integer("width_per_group"))
      .se_reduction(settings.integer("se_reduction"));
}

namespace {

RegistryRow resnet_row(const NamedResNet& resnet) {
  std::vector<ModelSetting> settings = backbone_settings(resnet.options);
  settings.push_back({"features", "false", "give layer4's output in place of scores"});
  return {{resnet.name, resnet.title + ": scores for a whole image", OutputKind::ImageScores, settings},
          [options = resnet.options](const ModelOptions& model, const Settings& s) -> nn::AnyModule {
            return ResNet(backbone_options(options, model, s).features(s.flag("features")));
          }};
}

}  // namespace

std::vector<RegistryRow> resnet_rows() {
  std::vector<RegistryRow> rows;
  for (const NamedResNet& resnet : named_resnets()) rows.push_back(resnet_row(resnet));
  for (NamedResNet resnet : named_resnets())
    if (resnet.name.starts_with("resnet"))
      rows.push_back(resnet_row({"se_" + resnet.name, "SE-" + resnet.title, resnet.options.se_reduction(16)}));
  return rows;
}

}  // namespace tessera::models
