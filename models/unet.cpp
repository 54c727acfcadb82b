#include "models/unet.h"

#include "core/ops/concat.h"
#include "core/ops/unary.h"
#include "models/padding.h"
#include "nn/init.h"
#include "nn/layers/activation.h"

namespace tessera::models {
namespace {

constexpr int64_t kDivisor = 16;  // four times down by 2

void init_weights(nn::Module& module) {
  if (auto* conv = module.as<nn::Conv2d>()) nn::init::kaiming_normal_(conv->weight);
  if (auto* conv = module.as<nn::ConvTranspose2d>()) nn::init::kaiming_normal_(conv->weight);
  if (auto* norm = module.as<nn::BatchNorm2d>()) {
    nn::init::normal_(norm->weight, 1, 0.02);
    nn::init::zeros_(norm->bias);
  }
}

}  // namespace

UNetConv2Impl::UNetConv2Impl(int64_t in_size, int64_t out_size, bool is_batchnorm) {
  for (int i = 1; i <= 2; ++i) {
    // The Sequential is there for its names ("conv1.0.weight"); forward runs its parts, so that normalisation and ReLU are one
    // pass.
    nn::Sequential block;
    nn::Conv2d conv(nn::Conv2dOptions(i == 1 ? in_size : out_size, out_size, 3).padding(1));
    nn::BatchNorm2d norm = nullptr;
    block->push_back(conv);
    if (is_batchnorm) block->push_back(norm = nn::BatchNorm2d(out_size));
    block->push_back(nn::ReLU(nn::ReLUOptions(/*inplace=*/true)));
    register_module(fmt::format("conv{}", i), block);
    stages_.push_back({conv, norm});
  }
}

Tensor UNetConv2Impl::forward(const Tensor& input) {
  Tensor x = input;
  for (const Stage& stage : stages_) {
    x = stage.conv(x);
    if (stage.norm)
      x = stage.norm->forward_relu(x);
    else
      relu_(x);
  }
  return x;
}

UNetUpImpl::UNetUpImpl(int64_t in_size, int64_t out_size, bool is_deconv) {
  conv_ = register_module("conv", UNetConv2(in_size, out_size, /*is_batchnorm=*/false));
  if (is_deconv) {
    const nn::ConvTranspose2d up(nn::ConvTranspose2dOptions(in_size, out_size, 2).stride(2));
    register_module("up", up);
    up_ = up;
  } else {
    const nn::Sequential up(nn::UpsamplingBilinear2d(nn::UpsampleOptions().scale_factor(std::vector<double>{2, 2})),
                            nn::Conv2d(in_size, out_size, 1));
    register_module("up", up);
    up_ = up;
  }
}

Tensor UNetUpImpl::forward(const Tensor& deep, const Tensor& shallow) {
  return conv_(cat({up_.forward(deep), shallow}, 1));
}

UNetImpl::UNetImpl(const UNetOptions& options) : options(options) {
  const int64_t scale = options.feature_scale();
  check<ValueError>(scale >= 1 && scale <= 64, "UNet: feature_scale {} does not lie in [1, 64]", scale);
  const auto width = [&](int level) { return (int64_t{64} << level) / scale; };
  const bool norm = options.is_batchnorm(), deconv = options.is_deconv();
  maxpool_ = register_module("maxpool", nn::MaxPool2d(2));
  conv1_ = register_module("conv1", UNetConv2(options.in_channels(), width(0), norm));
  conv2_ = register_module("conv2", UNetConv2(width(0), width(1), norm));
  conv3_ = register_module("conv3", UNetConv2(width(1), width(2), norm));
  conv4_ = register_module("conv4", UNetConv2(width(2), width(3), norm));
  center_ = register_module("center", UNetConv2(width(3), width(4), norm));
  up_concat4_ = register_module("up_concat4", UNetUp(width(4), width(3), deconv));
  up_concat3_ = register_module("up_concat3", UNetUp(width(3), width(2), deconv));
  up_concat2_ = register_module("up_concat2", UNetUp(width(2), width(1), deconv));
  up_concat1_ = register_module("up_concat1", UNetUp(width(1), width(0), deconv));
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
