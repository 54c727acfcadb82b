#include "models/resnet.h"

#include "core/ops/shape.h"
#include "models/fused_forward.h"
#include "nn/init.h"
#include "nn/layers/activation.h"

namespace tessera::models {
namespace {

constexpr int64_t kPlanes[] = {64, 128, 256, 512};  // of layer1 .. layer4

nn::ReLU make_relu() {
  return nn::ReLU(nn::ReLUOptions(/*inplace=*/true));
}

nn::Conv2d conv3x3(int64_t in, int64_t out, int64_t stride) {
  return nn::Conv2d(nn::Conv2dOptions(in, out, 3).stride(stride).padding(1).bias(false));
}

int64_t stem_channels(const ResNetOptions& options) {
  return options.deep_base() ? 2 * options.stem_width() : 64;
}

}  // namespace

ResNetOptions resnet18() {
  return {BlockKind::Basic, {2, 2, 2, 2}};
}
ResNetOptions resnet34() {
  return {BlockKind::Basic, {3, 4, 6, 3}};
}
ResNetOptions resnet50() {
  return {BlockKind::Bottleneck, {3, 4, 6, 3}};
}
ResNetOptions resnet101() {
  return {BlockKind::Bottleneck, {3, 4, 23, 3}};
}
ResNetOptions resnet152() {
  return {BlockKind::Bottleneck, {3, 8, 36, 3}};
}
ResNetOptions resnext50_32x4d() {
  return resnet50().groups(32).width_per_group(4);
}
ResNetOptions resnext101_32x8d() {
  return resnet101().groups(32).width_per_group(8);
}
ResNetOptions wide_resnet50_2() {
  return resnet50().width_per_group(128);
}
ResNetOptions wide_resnet101_2() {
  return resnet101().width_per_group(128);
}

ResNetImpl::ResNetImpl(const ResNetOptions& options) : options(options) {
  check<ValueError>(options.layers().size() == 4, "ResNet: {} layers are given where 4 are expected", options.layers().size());
  for (const int64_t blocks : options.layers()) check<ValueError>(blocks >= 1, "ResNet: a layer of {} blocks", blocks);
  check<ValueError>(options.in_channels() >= 1 && options.num_classes() >= 1 && options.stem_width() >= 1 &&
                        options.groups() >= 1 && options.width_per_group() >= 1,
                    "ResNet: in_channels {}, num_classes {}, stem_width {}, groups {} and width_per_group {} must be positive",
                    options.in_channels(), options.num_classes(), options.stem_width(), options.groups(),
                    options.width_per_group());
  ResNetImpl::reset();
}

void ResNetImpl::reset() {
  int64_t channels = stem_channels(options);
  if (options.deep_base()) {
    const int64_t width = options.stem_width();
    conv1_ = nn::Sequential(conv3x3(options.in_channels(), width, 2), nn::BatchNorm2d(width), make_relu(),
                            conv3x3(width, width, 1), nn::BatchNorm2d(width), make_relu(), conv3x3(width, channels, 1));
  } else {
    conv1_ = nn::Conv2d(nn::Conv2dOptions(options.in_channels(), channels, 7).stride(2).padding(3).bias(false));
  }
  register_module("conv1", conv1_.ptr());
  bn1_ = register_module("bn1", nn::BatchNorm2d(channels));
  register_module("relu", make_relu());
  maxpool_ = register_module("maxpool", nn::MaxPool2d(nn::MaxPool2dOptions(3).stride(2).padding(1)));
  layers_.clear();
  for (size_t i = 0; i < std::size(kPlanes); ++i)
    layers_.push_back(register_module(fmt::format("layer{}", i + 1),
                                      make_layer(channels, kPlanes[i], options.layers()[i], /*stride=*/i == 0 ? 1 : 2)));
  avgpool_ = register_module("avgpool", nn::AdaptiveAvgPool2d(1));
  fc_ = register_module("fc", nn::Linear(channels, options.num_classes()));
  apply([](nn::Module& module) {
    if (auto* conv = module.as<nn::Conv2d>())
      nn::init::kaiming_normal_(conv->weight, 0, nn::init::FanMode::FanOut, nn::init::Nonlinearity::ReLU);
  });
}

// `blocks` blocks, the first of which takes `channels` and has the stride. Afterwards `channels` is what comes out.
nn::Sequential ResNetImpl::make_layer(int64_t& channels, int64_t planes, int64_t blocks, int64_t stride) {
  nn::Sequential layer;
  for (int64_t i = 0; i < blocks; ++i) {
    layer->push_back(ResidualBlock(ResidualBlockOptions(options.block(), channels, planes)
                                       .stride(i == 0 ? stride : 1)
                                       .groups(options.groups())
                                       .width_per_group(options.width_per_group())
                                       .se_reduction(options.se_reduction())));
    channels = planes * expansion(options.block());
  }
  return layer;
}

Tensor ResNetImpl::stem(const Tensor& input) {
  check<ShapeError>(input.dim() == 4 && input.size(1) == options.in_channels(),
                    "ResNet: an input [N, {}, H, W] is needed, not {}", options.in_channels(), input.sizes());
  const Tensor x = options.deep_base() ? fused_forward(conv1_.get<nn::SequentialImpl>(), input) : conv1_.forward(input);
  return bn1_->forward_relu(x);
}

Tensor ResNetImpl::forward(const Tensor& input) {
  Tensor x = maxpool_(stem(input));
  for (const nn::Sequential& layer : layers_) x = layer(x);
  if (options.features()) return x;
  return fc_(flatten(avgpool_(x), 1));
}

std::vector<Tensor> ResNetImpl::feature_maps(const Tensor& input) {
  std::vector<Tensor> maps = {stem(input)};
  Tensor x = maxpool_(maps[0]);
  for (const nn::Sequential& layer : layers_) maps.push_back(x = layer(x));
  return maps;
}

std::vector<int64_t> ResNetImpl::feature_channels() const {
  std::vector<int64_t> channels = {stem_channels(options)};
  for (const int64_t planes : kPlanes) channels.push_back(planes * expansion(options.block()));
  return channels;
}

}  // namespace tessera::models
