#include "models/unet.h"

#include "models/padding.h"

namespace tessera::models {
namespace {

constexpr int64_t kDivisor = 16;  // four times down by 2

}  // namespace

UNetImpl::UNetImpl(const UNetOptions& options) : options(options) {
  const int64_t scale = options.feature_scale();
  check<ValueError>(scale >= 1 && scale <= 64, "UNet: feature_scale {} does not lie in [1, 64]", scale);
  const auto width = [&](int level) { return (int64_t{64} << level) / scale; };
  const auto conv = [&](int64_t in, int64_t out) { return UNetConv2(in, out, options.is_batchnorm(), options.se_reduction()); };
  const auto up = [&](int level) {  // to `level` from the one below
    return UNetUp(UNetUpOptions(width(level + 1), width(level), width(level))
                      .is_deconv(options.is_deconv())
                      .se_reduction(options.se_reduction())
                      .attention(options.attention()));
  };
  maxpool_ = register_module("maxpool", nn::MaxPool2d(2));
  conv1_ = register_module("conv1", conv(options.in_channels(), width(0)));
  conv2_ = register_module("conv2", conv(width(0), width(1)));
  conv3_ = register_module("conv3", conv(width(1), width(2)));
  conv4_ = register_module("conv4", conv(width(2), width(3)));
  center_ = register_module("center", conv(width(3), width(4)));
  up_concat4_ = register_module("up_concat4", up(3));
  up_concat3_ = register_module("up_concat3", up(2));
  up_concat2_ = register_module("up_concat2", up(1));
  up_concat1_ = register_module("up_concat1", up(0));
  final_ = register_module("final", nn::Conv2d(width(0), options.n_classes(), 1));
  apply(init_weights);
}

Tensor UNetImpl::forward(const Tensor& input) {
  check<ShapeError>(input.dim() == 4 && input.size(1) == options.in_channels(), "UNet: an input [N, {}, H, W] is needed, not {}",
                    options.in_channels(), input.sizes());
  const Tensor image = pad_to_multiple(input, kDivisor);

  const Tensor conv1 = conv1_(image);              // [N, w, H, W]
  const Tensor conv2 = conv2_(maxpool_(conv1));    // [N, 2w, H/2, W/2]
  const Tensor conv3 = conv3_(maxpool_(conv2));    // [N, 4w, H/4, W/4]
  const Tensor conv4 = conv4_(maxpool_(conv3));    // [N, 8w, H/8, W/8]
  const Tensor center = center_(maxpool_(conv4));  // [N, 16w, H/16, W/16]
  const Tensor up4 = up_concat4_(center, conv4);
  const Tensor up3 = up_concat3_(up4, conv3);
  const Tensor up2 = up_concat2_(up3, conv2);
  const Tensor up1 = up_concat1_(up2, conv1);
  return crop_to(final_(up1), input.size(2), input.size(3));
}

}  // namespace tessera::models
