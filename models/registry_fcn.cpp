// The registry's rows of VGG and of the fully convolutional networks.
#include "models/fcn_resnet.h"
#include "models/fcn_vgg.h"
#include "models/registry_row.h"
#include "models/vgg.h"

namespace tessera::models {
namespace {

RegistryRow vgg_row(int64_t depth, bool batch_norm) {
  return {{fmt::format("vgg{}{}", depth, batch_norm ? "_bn" : ""),
           fmt::format("VGG with {} layers{}: scores for a whole image", depth, batch_norm ? " and batch normalisation" : ""),
           OutputKind::ImageScores,
           {{"dropout", "0.5", "probability of dropping an activation of the classifier"}}},
          [=](const ModelOptions& options, const Settings& settings) -> nn::AnyModule {
            return VGG(VGGOptions(depth)
                           .batch_norm(batch_norm)
                           .in_channels(options.in_channels)
                           .num_classes(options.num_classes)
                           .dropout(settings.number("dropout")));
          }};
}

RegistryRow fcn_head_row(int64_t stride) {
  return {{fmt::format("fcn{}s_vgg16", stride), fmt::format("FCN-{}s of the FCN paper on VGG16: a score for each pixel", stride),
           OutputKind::PixelScores,
           {{"batch_norm", "false", "batch normalisation in VGG16"},
            {"dropout", "0.5", "probability of dropping an activation of fc6 and fc7"}}},
          [=](const ModelOptions& options, const Settings& settings) -> nn::AnyModule {
            return FCNHead(FCNHeadOptions(stride)
                               .batch_norm(settings.flag("batch_norm"))
                               .in_channels(options.in_channels)
                               .num_classes(options.num_classes)
                               .dropout(settings.number("dropout")));
          },
          rename_for_fcn_head};
}

RegistryRow fcn_vgg16_row() {
  return {{"fcn_vgg16", "FCN of the notes on VGG16 with batch normalisation, stride 8: a score for each pixel",
           OutputKind::PixelScores, {}},
          [](const ModelOptions& options, const Settings&) -> nn::AnyModule {
            return FCNVGG16(FCNVGG16Options().in_channels(options.in_channels).num_classes(options.num_classes));
          },
          [](std::string& name, Tensor&) { name = fcn_vgg16_name(name); }};
}

RegistryRow fcn_resnet_row(const NamedResNet& resnet) {
  return {{"fcn_" + resnet.name, fmt::format("FCN of the notes on {}, stride 32: a score for each pixel", resnet.title),
           OutputKind::PixelScores, backbone_settings(resnet.options)},
          [&resnet](const ModelOptions& options, const Settings& settings) -> nn::AnyModule {
            return FCNResNet(backbone_options(resnet.options, options, settings));
          },
          [](std::string& name, Tensor&) { name = fcn_resnet_name(name); }};
}

}  // namespace

std::vector<RegistryRow> vgg_rows() {
  std::vector<RegistryRow> rows;
  for (const int64_t depth : {11, 13, 16, 19})
    for (const bool batch_norm : {false, true}) rows.push_back(vgg_row(depth, batch_norm));
  return rows;
}

std::vector<RegistryRow> fcn_rows() {
  std::vector<RegistryRow> rows = {fcn_vgg16_row(), fcn_head_row(32), fcn_head_row(16), fcn_head_row(8)};
  for (const NamedResNet& resnet : named_resnets()) rows.push_back(fcn_resnet_row(resnet));
  return rows;
}

}  // namespace tessera::models
