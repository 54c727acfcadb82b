// The fully convolutional network of the notes on FCN with ResNet-18, on any ResNet: its features, one score for each class, and
// one transposed convolution back to the size of the image (Long, Shelhamer & Darrell, 2015).
//
//     image - ResNet without mean and fc (/32) - final_conv 1 x 1 - transpose_conv (x 32) - scores
//
// Parameter names are those of the notes' nn.Sequential: the backbone's parts under their numbers in torchvision's ResNet
// ("0" conv1, "1" bn1, "2" relu, "3" maxpool, "4" layer1, ..., "7" layer4; so "4.0.conv1.weight"), then "final_conv" and
// "transpose_conv".
#pragma once

#include "models/resnet.h"

namespace tessera::models {

// transpose_conv: kernel 64, stride 32, padding 16, with bias (started as ConvTranspose2d's), weight bilinear (init::bilinear_),
// which training may change. final_conv starts as Conv2d, the backbone as ResNet.
class FCNResNetImpl : public nn::Cloneable<FCNResNetImpl> {
 public:
  // `backbone` says in_channels and num_classes too; its `features` is of no account.
  explicit FCNResNetImpl(const ResNetOptions& backbone);
  void reset() override;
  // [N, in_channels, H, W] -> scores [N, num_classes, H, W]. Sizes that 32 does not divide are continued at the right and lower
  // edge by repeating the last pixels, and the scores are cut back. ShapeError for other inputs.
  Tensor forward(const Tensor& input);

  ResNetOptions options;

 private:
  ResNet backbone_ = nullptr;  // its parts are children of this module, under their numbers; its fc is of no use
  nn::Conv2d final_conv_ = nullptr;
  nn::ConvTranspose2d transpose_conv_ = nullptr;
};
TESSERA_MODULE(FCNResNet);

// The name in an FCNResNet of what torchvision's ResNet calls `name`: conv1.weight is 0.weight, layer1.0.bn1.bias is
// 4.0.bn1.bias. Names that are no part of the backbone (fc.weight, 0.weight) stay as they are.
std::string fcn_resnet_name(const std::string& name);

}  // namespace tessera::models
