// The blocks of a residual network (He et al., 2015; ResNeXt: Xie et al., 2016; wide: Zagoruyko & Komodakis, 2016; SE-ResNet: Hu,
// Shen & Sun, 2018).
#pragma once

#include "models/squeeze_excite.h"
#include "nn/layers/conv.h"
#include "nn/layers/norm.h"

namespace tessera::models {

enum class BlockKind { Basic, Bottleneck };

// Output channels of a block for each of its `planes`: 1 for basic, 4 for bottleneck blocks.
constexpr int64_t expansion(BlockKind kind) {
  return kind == BlockKind::Basic ? 1 : 4;
}

class ResidualBlockOptions {
 public:
  ResidualBlockOptions(BlockKind kind, int64_t in_channels, int64_t planes)
      : kind_(kind), in_channels_(in_channels), planes_(planes) {}
  TESSERA_ARG(BlockKind, kind);
  TESSERA_ARG(int64_t, in_channels);
  TESSERA_ARG(int64_t, planes);
  TESSERA_ARG(int64_t, stride) = 1;
  TESSERA_ARG(int64_t, groups) = 1;            // of a bottleneck's 3 x 3 convolution
  TESSERA_ARG(int64_t, width_per_group) = 64;  // a bottleneck is planes * width_per_group / 64 * groups channels wide inside
  TESSERA_ARG(int64_t, se_reduction) = 0;      // above 0: the branch ends with SqueezeExcite of this reduction
};

// out = relu(branch(x) + shortcut(x)), where each convolution is without bias and followed by batch normalisation, and all but
// the last by ReLU:
//     basic        3 x 3 (stride) - 3 x 3
//     bottleneck   1 x 1 - 3 x 3 (stride, groups) - 1 x 1, which widens fourfold
// The shortcut is x itself, or, where stride or channels change, a 1 x 1 convolution and batch normalisation. Parameter names are
// torchvision's: conv1, bn1, conv2, bn2, (conv3, bn3), downsample.0, downsample.1; the squeeze and excitation is `se`.
// Throws ValueError for a basic block with groups or width_per_group.
class ResidualBlockImpl : public nn::Module {
 public:
  explicit ResidualBlockImpl(const ResidualBlockOptions& options);
  // [N, in_channels, H, W] -> [N, planes * expansion, H / stride, W / stride], rounded up
  Tensor forward(const Tensor& input);

  ResidualBlockOptions options;

 private:
  void add_stage(const nn::Conv2dOptions& conv);
  struct Stage {
    nn::Conv2d conv;
    nn::BatchNorm2d norm;
  };
  std::vector<Stage> stages_;
  SqueezeExcite se_ = nullptr;  // empty without se_reduction
  nn::Sequential downsample_ = nullptr;  // empty where the shortcut is x
};
TESSERA_MODULE(ResidualBlock);

}  // namespace tessera::models
