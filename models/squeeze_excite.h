// Squeeze and excitation (Hu, Shen & Sun, 2018), as in the notes on U-Net, ResNet and SE: each channel is scaled by a number in
// (0, 1) that depends on the means of all channels.
#pragma once

#include "nn/containers.h"
#include "nn/layers/pool.h"

namespace tessera::models {

// out = x * s,  s = sigmoid(W2 relu(W1 mean(x))) [N, C, 1, 1],  mean over the pixels of each channel.
// Parameters, without biases: fc.0.weight = W1 [C / reduction, C], fc.2.weight = W2 [C, C / reduction], initialised as Linear.
// ValueError if channels, reduction or channels / reduction (rounded down) is less than 1.
class SqueezeExciteImpl : public nn::Module {
 public:
  explicit SqueezeExciteImpl(int64_t channels, int64_t reduction = 16);
  // [N, channels, H, W] -> the same shape and memory format. ShapeError for another input.
  Tensor forward(const Tensor& x);

 private:
  int64_t channels_;
  nn::AdaptiveAvgPool2d avg_pool_ = nullptr;
  nn::Sequential fc_ = nullptr;
};
TESSERA_MODULE(SqueezeExcite);

}  // namespace tessera::models
