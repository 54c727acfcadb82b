#include "models/vgg.h"

#include <array>

#include "core/ops/shape.h"
#include "models/fused_forward.h"
#include "nn/init.h"
#include "nn/layers/activation.h"
#include "nn/layers/conv.h"
#include "nn/layers/linear.h"
#include "nn/layers/norm.h"

namespace tessera::models {
namespace {

constexpr int64_t kWidths[] = {64, 128, 256, 512, 512};  // of the five stages

// Convolutions in each stage.
std::array<int, 5> stage_depths(int64_t depth) {
  switch (depth) {
    case 11: return {1, 1, 2, 2, 2};
    case 13: return {2, 2, 2, 2, 2};
    case 16: return {2, 2, 3, 3, 3};
    case 19: return {2, 2, 4, 4, 4};
    default: throw ValueError(fmt::format("VGG: there is no depth {}. There is 11, 13, 16 and 19.", depth));
  }
}

nn::ReLU make_relu() {
  return nn::ReLU(nn::ReLUOptions(/*inplace=*/true));
}

}  // namespace

nn::Sequential vgg_features(const VGGOptions& options) {
  check<ValueError>(options.in_channels() >= 1, "VGG: in_channels {} is not positive", options.in_channels());
  const std::array<int, 5> depths = stage_depths(options.depth());
  nn::Sequential features;
  int64_t channels = options.in_channels();
  for (size_t stage = 0; stage < depths.size(); ++stage) {
    for (int i = 0; i < depths[stage]; ++i) {
      const nn::Conv2d conv(nn::Conv2dOptions(channels, kWidths[stage], 3).padding(1));
      nn::init::kaiming_normal_(conv->weight, 0, nn::init::FanMode::FanOut, nn::init::Nonlinearity::ReLU);
      nn::init::zeros_(conv->bias);
      features->push_back(conv);
      channels = kWidths[stage];
      if (options.batch_norm()) features->push_back(nn::BatchNorm2d(channels));
      features->push_back(make_relu());
    }
    features->push_back(nn::MaxPool2d(2));
  }
  return features;
}

std::vector<size_t> vgg_stage_ends(const nn::Sequential& features) {
  std::vector<size_t> ends;
  for (size_t i = 0; i < features->size(); ++i)
    if (features->ptr(i)->as<nn::MaxPool2d>() != nullptr) ends.push_back(i + 1);
  return ends;
}

VGGImpl::VGGImpl(const VGGOptions& options) : options(options) {
  check<ValueError>(options.num_classes() >= 1, "VGG: num_classes {} is not positive", options.num_classes());
  VGGImpl::reset();
}

void VGGImpl::reset() {
  features = register_module("features", vgg_features(options));
  avgpool = register_module("avgpool", nn::AdaptiveAvgPool2d(7));
  classifier = register_module(
      "classifier", nn::Sequential(nn::Linear(512 * 7 * 7, 4096), make_relu(), nn::Dropout(options.dropout()),
                                   nn::Linear(4096, 4096), make_relu(), nn::Dropout(options.dropout()),
                                   nn::Linear(4096, options.num_classes())));
  for (const nn::AnyModule& layer : *classifier) {
    auto* linear = layer.ptr()->as<nn::Linear>();
    if (linear == nullptr) continue;
    nn::init::normal_(linear->weight, 0, 0.01);
    nn::init::zeros_(linear->bias);
  }
}

Tensor VGGImpl::forward(const Tensor& input) {
  check<ShapeError>(input.dim() == 4 && input.size(1) == options.in_channels() && input.size(2) >= 32 && input.size(3) >= 32,
                    "VGG: an input [N, {}, H, W] with H and W at least 32 is needed, not {}", options.in_channels(),
                    input.sizes());
  return classifier(flatten(avgpool(fused_forward(*features, input)), 1));
}

}  // namespace tessera::models
