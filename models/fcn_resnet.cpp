#include "models/fcn_resnet.h"

#include <algorithm>

#include "models/padding.h"
#include "nn/init.h"

namespace tessera::models {
namespace {

// The children of a ResNet that the network takes over, in their order there.
const std::vector<std::string> kParts = {"conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4"};

}  // namespace

FCNResNetImpl::FCNResNetImpl(const ResNetOptions& backbone) : options(backbone) {
  FCNResNetImpl::reset();
}

void FCNResNetImpl::reset() {
  backbone_ = ResNet(ResNetOptions(options).features(true));
  const auto parts = backbone_->named_children();
  for (size_t i = 0; i < kParts.size(); ++i) register_module(std::to_string(i), parts[kParts[i]]);
  const int64_t classes = options.num_classes();
  final_conv_ = register_module("final_conv", nn::Conv2d(backbone_->feature_channels().back(), classes, 1));
  transpose_conv_ = register_module(
      "transpose_conv", nn::ConvTranspose2d(nn::ConvTranspose2dOptions(classes, classes, 64).stride(32).padding(16)));
  nn::init::bilinear_(transpose_conv_->weight);
}

Tensor FCNResNetImpl::forward(const Tensor& input) {
  const Tensor features = backbone_(pad_to_multiple(input, 32));
  return crop_to(transpose_conv_(final_conv_(features)), input.size(2), input.size(3));
}

std::string fcn_resnet_name(const std::string& name) {
  const size_t dot = name.find('.');
  const auto part = std::find(kParts.begin(), kParts.end(), name.substr(0, dot));
  if (dot == std::string::npos || part == kParts.end()) return name;
  return std::to_string(part - kParts.begin()) + name.substr(dot);
}

}  // namespace tessera::models
