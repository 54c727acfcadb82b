// Residual networks: ResNet (He et al., "Deep residual learning for image recognition", 2015), ResNeXt (Xie et al., 2016) and
// wide ResNet (Zagoruyko & Komodakis, 2016), as classifier or as feature extractor.
// SE-ResNet (Hu et al., 2018) by `se_reduction`.
//
//     image - stem (/2) - maximum (/4) - layer1 (/4) - layer2 (/8) - layer3 (/16) - layer4 (/32) - mean - fc - scores
//
// Parameter names and order are torchvision's (conv1, bn1, layer1.0.conv1, ..., fc), so that its weight files load by name. The
// stem with `deep_base` is that of the notes on U-Net, ResNet and SE: three 3 x 3 convolutions in place of one 7 x 7.
//
//     const ResNet net(resnet50().num_classes(10));      Tensor scores = net(images);
//     const std::vector<Tensor> maps = net->feature_maps(images);
#pragma once

#include "models/resnet_block.h"
#include "nn/layers/linear.h"
#include "nn/layers/pool.h"

namespace tessera::models {

class ResNetOptions {
 public:
  ResNetOptions(BlockKind block, std::vector<int64_t> layers) : block_(block), layers_(std::move(layers)) {}
  TESSERA_ARG(BlockKind, block);
  TESSERA_ARG(std::vector<int64_t>, layers);  // the number of blocks in layer1 .. layer4
  TESSERA_ARG(int64_t, in_channels) = 3;
  TESSERA_ARG(int64_t, num_classes) = 1000;
  TESSERA_ARG(bool, deep_base) = false;
  TESSERA_ARG(int64_t, stem_width) = 32;  // deep_base: channels of the stem's convolutions are s, s and 2 s
  TESSERA_ARG(int64_t, groups) = 1;       // bottleneck blocks: ResidualBlockOptions
  TESSERA_ARG(int64_t, width_per_group) = 64;
  TESSERA_ARG(int64_t, se_reduction) = 0;  // above 0: SqueezeExcite as `se` at the end of each block's branch; 16 in the paper
  TESSERA_ARG(bool, features) = false;  // forward gives layer4's output; fc stays among the parameters, without a gradient
};

// The networks of the papers, as options to be changed further.
ResNetOptions resnet18();
ResNetOptions resnet34();
ResNetOptions resnet50();
ResNetOptions resnet101();
ResNetOptions resnet152();
ResNetOptions resnext50_32x4d();
ResNetOptions resnext101_32x8d();
ResNetOptions wide_resnet50_2();
ResNetOptions wide_resnet101_2();

// Convolutions start from the normal distribution with variance 2 / (k * k * out_channels), batch normalisation from weight 1 and
// bias 0 (the notes; He et al., 2015, "fan out"). ValueError for other than four layers, or sizes below 1.
class ResNetImpl : public nn::Cloneable<ResNetImpl> {
 public:
  explicit ResNetImpl(const ResNetOptions& options);
  void reset() override;

  // [N, in_channels, H, W] -> scores [N, num_classes]; with `features` layer4's output [N, C, H / 32, W / 32]. Any H and W work:
  // each halving rounds up, and the mean is over all pixels left (at 224 x 224 the notes' 7 x 7 average).
  // ShapeError for other inputs.
  Tensor forward(const Tensor& input);

  // The features of five sizes that encoders of dense networks use, finest first:
  //     0  the stem after its ReLU, before the maximum   [N, feature_channels()[0], H / 2, W / 2]
  //     1  layer1                                        H / 4
  //     2  layer2                                        H / 8
  //     3  layer3                                        H / 16
  //     4  layer4                                        H / 32
  // each halving rounded up. No later stage writes into them, and neither may the caller while it wants gradients.
  std::vector<Tensor> feature_maps(const Tensor& input);
  std::vector<int64_t> feature_channels() const;

  ResNetOptions options;

 private:
  nn::Sequential make_layer(int64_t& channels, int64_t planes, int64_t blocks, int64_t stride);
  Tensor stem(const Tensor& input);

  nn::AnyModule conv1_;
  nn::BatchNorm2d bn1_ = nullptr;
  nn::MaxPool2d maxpool_ = nullptr;
  std::vector<nn::Sequential> layers_;  // layer1 .. layer4
  nn::AdaptiveAvgPool2d avgpool_ = nullptr;
  nn::Linear fc_ = nullptr;
};
TESSERA_MODULE(ResNet);

}  // namespace tessera::models
