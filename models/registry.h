// Networks by name: for programs that take the name and the settings as text.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "nn/containers.h"
#include "nn/serialize/safetensors.h"

namespace tessera::models {

struct ModelOptions {
  int64_t in_channels = 3;
  int64_t num_classes = 2;
  std::map<std::string, std::string> settings = {};  // of the network, by name: {"feature_scale", "4"}, {"is_deconv", "true"}
};

struct ModelSetting {
  std::string name, default_value, help;
};

// What a network makes of images [N, in_channels, H, W] (before settings that change it, such as "features"):
enum class OutputKind {
  ImageScores,  // [N, num_classes]
  PixelScores,  // [N, num_classes, H, W]: what `tessera train` can train
};

struct ModelInfo {
  std::string name, help;  // one line
  OutputKind kind;
  std::vector<ModelSetting> settings;
};

// All networks that make_model knows.
const std::vector<ModelInfo>& list_models();

// The entry of that name; throws ValueError, which lists the names that exist.
const ModelInfo& model_info(const std::string& name);

// A freshly initialised network. Throws ValueError for names, settings and values that do not exist, and says which do.
nn::AnyModule make_model(const std::string& name, const ModelOptions& options = {});

// Weights of torchvision's classifier (the network's backbone: its ResNet or VGG) under the names that they have in network
// `name`: conv1.weight is 0.weight in fcn_resnet18, features.7.weight is stage2.7.weight in fcn_vgg16. The first two layers of a
// VGG's classifier become the convolutions fc6 and fc7 of the FCN paper's networks, with their shapes. All other names stay as
// they are, those of the network itself among them, so that a file of the whole network passes through unchanged.
NamedTensors rename_backbone(const std::string& name, NamedTensors weights);

}  // namespace tessera::models
