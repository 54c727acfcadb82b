// Layers that add a border or exchange channels for pixels. Formulas: core/ops/pad.h, nn/functional/pad.h.
#pragma once

#include "nn/functional/pad.h"
#include "nn/layers/layer.h"

namespace tessera::nn {

// {left, right, top, bottom}, or one number for all four.
class Pad2dOptions {
 public:
  Pad2dOptions(ExpandingArray<4> padding) : padding_(padding) {}  // NOLINT: implicit, as in libtorch
  TESSERA_ARG(ExpandingArray<4>, padding);
};
using ZeroPad2dOptions = Pad2dOptions;
using ReflectionPad2dOptions = Pad2dOptions;
using ReplicationPad2dOptions = Pad2dOptions;
class ConstantPad2dOptions {
 public:
  ConstantPad2dOptions(ExpandingArray<4> padding, double value) : padding_(padding), value_(value) {}
  TESSERA_ARG(ExpandingArray<4>, padding);
  TESSERA_ARG(double, value);
};

class ZeroPad2dImpl : public OptionsLayer<ZeroPad2dImpl, ZeroPad2dOptions> {
 public:
  using OptionsLayer::OptionsLayer;
  ZeroPad2dImpl(ExpandingArray<4> padding) : OptionsLayer(Pad2dOptions(padding)) {}  // NOLINT: implicit, as in libtorch
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input);
};
TESSERA_MODULE(ZeroPad2d);

class ReflectionPad2dImpl : public OptionsLayer<ReflectionPad2dImpl, ReflectionPad2dOptions> {
 public:
  using OptionsLayer::OptionsLayer;
  ReflectionPad2dImpl(ExpandingArray<4> padding) : OptionsLayer(Pad2dOptions(padding)) {}  // NOLINT
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input);
};
TESSERA_MODULE(ReflectionPad2d);

class ReplicationPad2dImpl : public OptionsLayer<ReplicationPad2dImpl, ReplicationPad2dOptions> {
 public:
  using OptionsLayer::OptionsLayer;
  ReplicationPad2dImpl(ExpandingArray<4> padding) : OptionsLayer(Pad2dOptions(padding)) {}  // NOLINT
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input);
};
TESSERA_MODULE(ReplicationPad2d);

class ConstantPad2dImpl : public OptionsLayer<ConstantPad2dImpl, ConstantPad2dOptions> {
 public:
  using OptionsLayer::OptionsLayer;
  ConstantPad2dImpl(ExpandingArray<4> padding, double value) : OptionsLayer(ConstantPad2dOptions(padding, value)) {}
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input);
};
TESSERA_MODULE(ConstantPad2d);

class PixelShuffleImpl : public OptionsLayer<PixelShuffleImpl, PixelShuffleOptions> {
 public:
  using OptionsLayer::OptionsLayer;
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input);
};
TESSERA_MODULE(PixelShuffle);

class PixelUnshuffleImpl : public OptionsLayer<PixelUnshuffleImpl, PixelUnshuffleOptions> {
 public:
  using OptionsLayer::OptionsLayer;
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input);
};
TESSERA_MODULE(PixelUnshuffle);

}  // namespace tessera::nn
