// U-Net whose left side is a ResNet (Ronneberger, Fischer & Brox, 2015; He et al., 2015): an encoder that may start from weights
// of image classification, and a decoder that brings its features of five sizes back to that of the image.
//
//     image - encoder stem (/2) - layer1 (/4) - layer2 (/8) - layer3 (/16) - layer4 (/32)
//                  |                |               |               |             |
//     scores - up_full - up_concat1 - - up_concat2 - - up_concat3 - - up_concat4
//
// The encoder's parameters are torchvision's behind "encoder." ("encoder.layer1.0.conv1.weight"), so that torchvision's files
// load by name with that prefix; the decoder's are those of UNetUp.
#pragma once

#include "models/resnet.h"
#include "models/unet_blocks.h"

namespace tessera::models {

class UNetResNetOptions {
 public:
  UNetResNetOptions(ResNetOptions encoder) : encoder_(std::move(encoder)) {}  // NOLINT: implicit, for UNetResNet(resnet34())
  TESSERA_ARG(ResNetOptions, encoder);  // its in_channels are the network's; its fc is left out
  TESSERA_ARG(int64_t, n_classes) = 2;
  TESSERA_ARG(std::vector<int64_t>, decoder_channels) = {256, 128, 64, 32, 16};  // after up_concat4 ... up_concat1, up_full
  TESSERA_ARG(bool, is_deconv) = false;          // up: transposed convolution; otherwise bilinear and a 1 x 1 convolution
  TESSERA_ARG(int64_t, se_reduction) = 0;        // squeeze and excitation after each two convolutions of the decoder; 0: none
  TESSERA_ARG(std::string, attention) = "none";  // on the encoder's features: AttentionGate's additive, dot or cosine
};

// Each step of the decoder is a UNetUp with batch normalisation: twice the size, the encoder's features of that size beside it
// (none at full size), two times 3 x 3 convolution, batch normalisation and ReLU. The encoder starts as ResNet says, the decoder
// by init_weights. ValueError for other than five decoder_channels, and as from ResNet, SqueezeExcite and AttentionGate.
class UNetResNetImpl : public nn::Module {
 public:
  explicit UNetResNetImpl(const UNetResNetOptions& options);
  // [N, in_channels, H, W] -> scores [N, n_classes, H, W]. Sizes that 32 does not divide are continued at the right and lower
  // edge by repeating the last pixels, and the scores are cut back. ShapeError for other inputs.
  Tensor forward(const Tensor& input);

  UNetResNetOptions options;

 private:
  ResNet encoder_ = nullptr;
  std::vector<UNetUp> ups_;  // up_concat4 ... up_concat1, up_full
  nn::Conv2d final_ = nullptr;
};
TESSERA_MODULE(UNetResNet);

}  // namespace tessera::models
