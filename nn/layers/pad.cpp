#include "nn/layers/pad.h"

#include <ostream>

namespace tessera::nn {

Tensor ZeroPad2dImpl::forward(const Tensor& input) { return pad(input, options.padding()); }
Tensor ReflectionPad2dImpl::forward(const Tensor& input) { return pad(input, options.padding(), kReflect); }
Tensor ReplicationPad2dImpl::forward(const Tensor& input) { return pad(input, options.padding(), kReplicate); }
Tensor ConstantPad2dImpl::forward(const Tensor& input) { return pad(input, options.padding(), kConstant, options.value()); }
Tensor PixelShuffleImpl::forward(const Tensor& input) { return functional::pixel_shuffle(input, options); }
Tensor PixelUnshuffleImpl::forward(const Tensor& input) { return functional::pixel_unshuffle(input, options); }

void ZeroPad2dImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::ZeroPad2d(padding=" << options.padding() << ')';
}
void ReflectionPad2dImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::ReflectionPad2d(padding=" << options.padding() << ')';
}
void ReplicationPad2dImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::ReplicationPad2d(padding=" << options.padding() << ')';
}
void ConstantPad2dImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::ConstantPad2d(padding=" << options.padding() << ", value=" << options.value() << ')';
}
void PixelShuffleImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::PixelShuffle(upscale_factor=" << options.upscale_factor() << ')';
}
void PixelUnshuffleImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::PixelUnshuffle(downscale_factor=" << options.downscale_factor() << ')';
}

}  // namespace tessera::nn
