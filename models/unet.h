// U-Net (Ronneberger, Fischer & Brox, 2015) as the notes on U-Net, ResNet and SE draw it: padded convolutions, so that the scores
// have the size of the image.
//
//     image --conv1----------------------------------------- up_concat1 -- final --> scores
//              \--conv2--------------------------- up_concat2 /
//                  \--conv3------------- up_concat3 /
//                      \--conv4- up_concat4 /                         down: 2 x 2 maximum; up: twice the size, then
//                          \--center--/                               the channels of the left side are added
//
// Parameter names are those of the notes' PyTorch module, so that weights travel.
#pragma once

#include "models/unet_blocks.h"
#include "nn/layers/pool.h"

namespace tessera::models {

class UNetOptions {
 public:
  TESSERA_ARG(int64_t, in_channels) = 3;
  TESSERA_ARG(int64_t, n_classes) = 2;
  TESSERA_ARG(int64_t, feature_scale) = 2;  // widths are 64, 128, 256, 512 and 1024 divided by this; 1 is the paper's network
  TESSERA_ARG(bool, is_deconv) = false;     // up: transposed convolution; otherwise bilinear and a 1 x 1 convolution
  TESSERA_ARG(bool, is_batchnorm) = true;   // on the way down
  TESSERA_ARG(int64_t, se_reduction) = 0;   // squeeze and excitation after each two convolutions (SqueezeExcite); 0: none
  TESSERA_ARG(std::string, attention) = "none";  // on the left side's features: AttentionGate's additive, dot or cosine
};

// Initial values: init_weights. ValueError for a feature_scale outside of [1, 64], and as from SqueezeExcite and AttentionGate.
class UNetImpl : public nn::Module {
 public:
  explicit UNetImpl(const UNetOptions& options = {});
  // [N, in_channels, H, W] -> scores [N, n_classes, H, W]. Sizes that 16 does not divide are continued at the right and lower
  // edge by repeating the last pixels, and the scores are cut back.
  Tensor forward(const Tensor& input);

  UNetOptions options;

 private:
  nn::MaxPool2d maxpool_ = nullptr;
  UNetConv2 conv1_ = nullptr, conv2_ = nullptr, conv3_ = nullptr, conv4_ = nullptr, center_ = nullptr;
  UNetUp up_concat4_ = nullptr, up_concat3_ = nullptr, up_concat2_ = nullptr, up_concat1_ = nullptr;
  nn::Conv2d final_ = nullptr;
};
TESSERA_MODULE(UNet);

}  // namespace tessera::models
