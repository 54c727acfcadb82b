#include "models/unet_resnet.h"

#include "core/autograd.h"
#include "models/padding.h"

namespace tessera::models {

UNetResNetImpl::UNetResNetImpl(const UNetResNetOptions& options) : options(options) {
  const std::vector<int64_t>& widths = options.decoder_channels();
  check<ValueError>(widths.size() == 5, "UNetResNet: {} decoder_channels are given where 5 are expected", widths.size());
  for (const int64_t width : widths) check<ValueError>(width >= 1, "UNetResNet: decoder_channels of {}", width);
  encoder_ = register_module("encoder", ResNet(options.encoder()));
  encoder_->unregister_module("fc");
  const std::vector<int64_t> channels = encoder_->feature_channels();  // of H/2 ... H/32
  int64_t deep = channels.back();
  for (size_t i = 0; i < widths.size(); ++i) {
    const size_t level = widths.size() - 1 - i;  // to H / 2^level; 0, full size, has no features beside it
    ups_.push_back(UNetUp(UNetUpOptions(deep, level == 0 ? 0 : channels[level - 1], widths[i])
                              .is_deconv(options.is_deconv())
                              .is_batchnorm(true)
                              .se_reduction(options.se_reduction())
                              .attention(options.attention())));
    register_module(level == 0 ? "up_full" : fmt::format("up_concat{}", level), ups_.back());
    deep = widths[i];
  }
  final_ = register_module("final", nn::Conv2d(deep, options.n_classes(), 1));
  for (const UNetUp& up : ups_) up->apply(init_weights);
  final_->apply(init_weights);
}

Tensor UNetResNetImpl::forward(const Tensor& input) {
  const int64_t in_channels = options.encoder().in_channels();
  check<ShapeError>(input.dim() == 4 && input.size(1) == in_channels, "UNetResNet: an input [N, {}, H, W] is needed, not {}",
                    in_channels, input.sizes());
  std::vector<Tensor> maps;  // H/2 ... H/32
  {
    const autograd::LayerScope scope(encoder_->registered_name());
    maps = encoder_->feature_maps(pad_to_multiple(input, 32));
  }
  Tensor x = maps.back();
  for (size_t i = 0; i + 1 < ups_.size(); ++i) x = ups_[i](x, maps[ups_.size() - 2 - i]);
  return crop_to(final_(ups_.back()(x)), input.size(2), input.size(3));
}

}  // namespace tessera::models
