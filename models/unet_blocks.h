// What U-Nets are made of. Parameter names are those of the notes' PyTorch modules, so that weights travel; the switches that
// the notes lack (SE, attention) add parameters behind theirs.
#pragma once

#include "models/attention_gate.h"
#include "models/squeeze_excite.h"
#include "nn/layers/conv.h"
#include "nn/layers/norm.h"

namespace tessera::models {

// Convolutions start from He's normal distribution (fan in), normalisation weights from N(1, 0.02), as in the notes; other layers
// stay as they are. For Module::apply.
void init_weights(nn::Module& module);

// Two times 3 x 3 convolution, batch normalisation if asked for, ReLU; then squeeze and excitation unless se_reduction is 0.
// Parameters: conv1.0.weight, conv1.0.bias, conv1.1.weight, conv1.1.bias (batch normalisation), conv2. likewise, se.fc.0.weight,
// se.fc.2.weight. ValueError as from SqueezeExcite.
class UNetConv2Impl : public nn::Module {
 public:
  UNetConv2Impl(int64_t in_size, int64_t out_size, bool is_batchnorm, int64_t se_reduction = 0);
  Tensor forward(const Tensor& input);  // [N, in, H, W] -> [N, out, H, W]

 private:
  std::vector<nn::Sequential> stages_;
  SqueezeExcite se_ = nullptr;  // empty without
};
TESSERA_MODULE(UNetConv2);

class UNetUpOptions {
 public:
  UNetUpOptions(int64_t in_size, int64_t skip_size, int64_t out_size)
      : in_size_(in_size), skip_size_(skip_size), out_size_(out_size) {}
  TESSERA_ARG(int64_t, in_size);
  TESSERA_ARG(int64_t, skip_size);  // channels of the shallow features; 0: there are none
  TESSERA_ARG(int64_t, out_size);
  TESSERA_ARG(bool, is_deconv) = false;          // up: transposed convolution; otherwise bilinear and a 1 x 1 convolution
  TESSERA_ARG(bool, is_batchnorm) = false;       // of the two convolutions
  TESSERA_ARG(int64_t, se_reduction) = 0;        // squeeze and excitation after them; 0: none
  TESSERA_ARG(std::string, attention) = "none";  // on the shallow features: AttentionGate's similarity
};

// Brings the deep features to twice their size and `out` channels, puts the shallow ones beside them, and convolves both. With
// attention, the enlarged deep features first weigh the pixels of the shallow ones.
// Parameters: conv. (UNetConv2), up. (the transposed convolution, or up.1. of the 1 x 1 convolution), gate. (AttentionGate).
// ValueError as from SqueezeExcite and AttentionGate; ShapeError where the two do not fit.
class UNetUpImpl : public nn::Module {
 public:
  explicit UNetUpImpl(const UNetUpOptions& options);
  // [N, in, H, W], [N, skip, 2 H, 2 W] or undefined where skip_size is 0 -> [N, out, 2 H, 2 W]
  Tensor forward(const Tensor& deep, const Tensor& shallow = {});

 private:
  UNetConv2 conv_ = nullptr;
  nn::AnyModule up_;
  AttentionGate gate_ = nullptr;  // empty without
};
TESSERA_MODULE(UNetUp);

}  // namespace tessera::models
