#include "models/resnet_block.h"

#include "core/ops/unary.h"
#include "nn/layers/activation.h"

namespace tessera::models {

ResidualBlockImpl::ResidualBlockImpl(const ResidualBlockOptions& options) : options(options) {
  const int64_t in = options.in_channels(), planes = options.planes(), stride = options.stride();
  const int64_t out = planes * expansion(options.kind());
  if (options.kind() == BlockKind::Basic) {
    check<ValueError>(options.groups() == 1 && options.width_per_group() == 64,
                      "ResidualBlock: a basic block has no groups ({}) and no width_per_group ({}). Use bottleneck blocks.",
                      options.groups(), options.width_per_group());
    add_stage(nn::Conv2dOptions(in, planes, 3).stride(stride).padding(1));
    add_stage(nn::Conv2dOptions(planes, planes, 3).padding(1));
  } else {
    const int64_t width = planes * options.width_per_group() / 64 * options.groups();
    add_stage(nn::Conv2dOptions(in, width, 1));
    add_stage(nn::Conv2dOptions(width, width, 3).stride(stride).padding(1).groups(options.groups()));
    add_stage(nn::Conv2dOptions(width, out, 1));
  }
  if (options.se_reduction() > 0) se_ = register_module("se", SqueezeExcite(out, options.se_reduction()));
  register_module("relu", nn::ReLU(nn::ReLUOptions(/*inplace=*/true)));
  if (stride != 1 || in != out) {
    const nn::Conv2d conv(nn::Conv2dOptions(in, out, 1).stride(stride).bias(false));
    downsample_ = register_module("downsample", nn::Sequential(conv, nn::BatchNorm2d(out)));
  }
}

void ResidualBlockImpl::add_stage(const nn::Conv2dOptions& conv) {
  const size_t number = stages_.size() + 1;
  Stage stage{nn::Conv2d(nn::Conv2dOptions(conv).bias(false)), nn::BatchNorm2d(conv.out_channels())};
  register_module(fmt::format("conv{}", number), stage.conv);
  register_module(fmt::format("bn{}", number), stage.norm);
  stages_.push_back(std::move(stage));
}

Tensor ResidualBlockImpl::forward(const Tensor& input) {
  Tensor x = input;
  for (size_t i = 0; i + 1 < stages_.size(); ++i) x = stages_[i].norm->forward_relu(stages_[i].conv(x));
  x = stages_.back().conv(x);
  if (x.is_cuda() && !se_) return stages_.back().norm->forward_add_relu(x, downsample_ ? downsample_(input) : input);
  x = stages_.back().norm(x);
  if (se_) x = se_(x);
  // In place: nothing saves this tensor. Batch normalisation saves its input, the scaling by se_ its factors.
  x.add_(downsample_ ? downsample_(input) : input);
  return relu_(x);
}

}  // namespace tessera::models
