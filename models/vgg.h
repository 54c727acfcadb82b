// VGG (Simonyan & Zisserman, "Very deep convolutional networks for large-scale image recognition", 2014), with 11, 13, 16 or 19
// layers that have weights, with or without batch normalisation.
//
//     image - features (/32) - avgpool (7 x 7) - classifier - scores
//
// Parameter names and order are torchvision's (features.0.weight, ..., classifier.0.weight, classifier.3.weight,
// classifier.6.weight), so that its weight files load by name. `features` can be cut: net->features->slice(7, 14).
#pragma once

#include "nn/containers.h"
#include "nn/layers/pool.h"

namespace tessera::models {

class VGGOptions {
 public:
  VGGOptions(int64_t depth = 16) : depth_(depth) {}  // NOLINT: implicit, as the options of layers are
  TESSERA_ARG(int64_t, depth);                       // 11, 13, 16 or 19: the paper's A, B, D and E
  TESSERA_ARG(bool, batch_norm) = false;
  TESSERA_ARG(int64_t, in_channels) = 3;
  TESSERA_ARG(int64_t, num_classes) = 1000;
  TESSERA_ARG(double, dropout) = 0.5;
};

// The convolutional part: 3 x 3 convolutions, each followed by batch normalisation if asked for and by ReLU, in five stages that
// end with a 2 x 2 maximum. Children "0", "1", ... as torchvision numbers them. Convolutions start from He's normal distribution
// (fan out) and bias 0. Throws ValueError for other depths and for channels below 1.
nn::Sequential vgg_features(const VGGOptions& options);

// The module numbers at which the stages of vgg_features end, one past each maximum: 7, 14, 24, 34, 44 for 16 layers with batch
// normalisation, so that stage k is slice(ends[k - 1], ends[k]).
std::vector<size_t> vgg_stage_ends(const nn::Sequential& features);

// Linear layers start from N(0, 0.01) and bias 0, as torchvision's.
class VGGImpl : public nn::Cloneable<VGGImpl> {
 public:
  explicit VGGImpl(const VGGOptions& options = {});
  void reset() override;
  // [N, in_channels, H, W], H and W at least 32 -> scores [N, num_classes]. Other sizes than 224 x 224 are averaged (or repeated)
  // to the 7 x 7 that the classifier reads. ShapeError for other inputs.
  Tensor forward(const Tensor& input);

  VGGOptions options;
  nn::Sequential features = nullptr;
  nn::AdaptiveAvgPool2d avgpool = nullptr;
  nn::Sequential classifier = nullptr;  // Linear, ReLU, Dropout, Linear, ReLU, Dropout, Linear
};
TESSERA_MODULE(VGG);

}  // namespace tessera::models
