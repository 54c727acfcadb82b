// Fully convolutional networks on VGG (Long, Shelhamer & Darrell, "Fully convolutional networks for semantic segmentation",
// 2015): FCNVGG16, the network of the notes on FCN with VGG16, and FCNHead, the paper's own FCN-32s, FCN-16s and FCN-8s.
#pragma once

#include "models/vgg.h"
#include "nn/layers/conv.h"
#include "nn/layers/linear.h"

namespace tessera::models {

class FCNVGG16Options {
 public:
  TESSERA_ARG(int64_t, in_channels) = 3;
  TESSERA_ARG(int64_t, num_classes) = 21;
};

// The notes' network. VGG16 with batch normalisation in five stages s1 .. s5 (/2 .. /32); deep features are brought to twice
// their size and added to the stage before:
//     a = conv_trans1(upsample_2x_1(s5) + s4)     [N, 256, H / 16, W / 16]
//     b = conv_trans2(upsample_2x_2(a) + s3)      [N, classes, H / 8, W / 8]
//     scores = upsample_8x(b)                     [N, classes, H, W]
// Parameter names are the notes' (stage1.0.weight: the modules of a stage keep their numbers in `features`). The upsampling is by
// transposed convolutions without bias, which start bilinear; they mix all channels and are trained. scores1, scores2 and scores3
// are in the notes' module and in its weight files, but no output depends on them: they are kept as parameters, stay without a
// gradient (undefined, as None in PyTorch), and optimisers and clipping pass over them.
class FCNVGG16Impl : public nn::Cloneable<FCNVGG16Impl> {
 public:
  explicit FCNVGG16Impl(const FCNVGG16Options& options = {});
  void reset() override;
  // [N, in_channels, H, W] -> scores [N, num_classes, H, W]. Sizes that 32 does not divide are continued at the right and lower
  // edge by repeating the last pixels, and the scores are cut back. ShapeError for other inputs.
  Tensor forward(const Tensor& input);

  FCNVGG16Options options;

 private:
  std::vector<nn::Sequential> stages_;  // stage1 .. stage5
  nn::Conv2d conv_trans1_ = nullptr, conv_trans2_ = nullptr;
  nn::ConvTranspose2d upsample_8x_ = nullptr, upsample_2x_1_ = nullptr, upsample_2x_2_ = nullptr;
};
TESSERA_MODULE(FCNVGG16);

// features.7.weight of torchvision's vgg16_bn is stage2.7.weight here. Other names stay as they are.
std::string fcn_vgg16_name(const std::string& name);

class FCNHeadOptions {
 public:
  FCNHeadOptions(int64_t stride = 8) : stride_(stride) {}  // NOLINT: implicit
  TESSERA_ARG(int64_t, stride);                            // 32, 16 or 8: FCN-32s, FCN-16s, FCN-8s
  TESSERA_ARG(bool, batch_norm) = false;                   // in VGG16
  TESSERA_ARG(int64_t, in_channels) = 3;
  TESSERA_ARG(int64_t, num_classes) = 21;
  TESSERA_ARG(double, dropout) = 0.5;
};

// The paper's networks. VGG16, its classifier as convolutions (fc6: 7 x 7, 512 to 4096; fc7: 1 x 1), and a score for each class:
//     32s   scores = x32(score_fr(fc7))
//     16s   scores = x16(upscore2(score_fr(fc7)) + score_pool4(pool4))
//     8s    scores = x8(upscore_pool4(upscore2(score_fr(fc7)) + score_pool4(pool4)) + score_pool3(pool3))
// fc6 is padded by 3, so that all maps lie over the image as they are; the paper's code pads the image by 100 and crops. As in
// the paper the score layers start at zero, the upsampling is bilinear without bias, that by 2 is trained, and the last one
// (upscore8, upscore16 or upscore32) does not change: it requires no gradient. Parameter names: `features` as torchvision's
// VGG16, the others as in the paper's code.
class FCNHeadImpl : public nn::Cloneable<FCNHeadImpl> {
 public:
  // ValueError for another stride, or sizes below 1.
  explicit FCNHeadImpl(const FCNHeadOptions& options = {});
  void reset() override;
  // [N, in_channels, H, W] -> scores [N, num_classes, H, W], any H and W, as FCNVGG16.
  Tensor forward(const Tensor& input);

  FCNHeadOptions options;
  nn::Sequential features = nullptr;

 private:
  nn::ConvTranspose2d add_upscore(const std::string& name, int64_t factor);
  nn::Conv2d add_score(const std::string& name, int64_t channels);

  std::vector<nn::Sequential> stages_;  // of features
  nn::Conv2d fc6_ = nullptr, fc7_ = nullptr, score_fr_ = nullptr, score_pool4_ = nullptr, score_pool3_ = nullptr;
  nn::Dropout dropout_ = nullptr;
  nn::ConvTranspose2d upscore2_ = nullptr, upscore_pool4_ = nullptr, upscore_last_ = nullptr;
};
TESSERA_MODULE(FCNHead);

// One tensor of torchvision's VGG16 under its name and shape in an FCNHead: classifier.0 is fc6 [4096, 512, 7, 7], classifier.3
// is fc7 [4096, 4096, 1, 1], as the paper makes convolutions of them. Other tensors, and weights of other sizes, stay as they
// are.
void rename_for_fcn_head(std::string& name, Tensor& tensor);

}  // namespace tessera::models
