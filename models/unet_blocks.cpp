#include "models/unet_blocks.h"

#include "core/ops/concat.h"
#include "models/fused_forward.h"
#include "nn/init.h"
#include "nn/layers/activation.h"
#include "nn/layers/pool.h"

namespace tessera::models {

void init_weights(nn::Module& module) {
  if (auto* conv = module.as<nn::Conv2d>()) nn::init::kaiming_normal_(conv->weight);
  if (auto* conv = module.as<nn::ConvTranspose2d>()) nn::init::kaiming_normal_(conv->weight);
  if (auto* norm = module.as<nn::BatchNorm2d>()) {
    nn::init::normal_(norm->weight, 1, 0.02);
    nn::init::zeros_(norm->bias);
  }
}

UNetConv2Impl::UNetConv2Impl(int64_t in_size, int64_t out_size, bool is_batchnorm, int64_t se_reduction) {
  for (int i = 1; i <= 2; ++i) {
    nn::Sequential stage(nn::Conv2d(nn::Conv2dOptions(i == 1 ? in_size : out_size, out_size, 3).padding(1)));
    if (is_batchnorm) stage->push_back(nn::BatchNorm2d(out_size));
    stage->push_back(nn::ReLU(nn::ReLUOptions(/*inplace=*/true)));
    stages_.push_back(stage);
    register_module(fmt::format("conv{}", i), stage);
  }
  if (se_reduction != 0) se_ = register_module("se", SqueezeExcite(out_size, se_reduction));
}

Tensor UNetConv2Impl::forward(const Tensor& input) {
  Tensor x = input;
  for (const nn::Sequential& stage : stages_) x = fused_forward(*stage, x);
  return se_ ? se_(x) : x;
}

UNetUpImpl::UNetUpImpl(const UNetUpOptions& options) {
  const int64_t in_size = options.in_size(), skip_size = options.skip_size(), out_size = options.out_size();
  conv_ = register_module("conv", UNetConv2(out_size + skip_size, out_size, options.is_batchnorm(), options.se_reduction()));
  if (options.is_deconv()) {
    const nn::ConvTranspose2d up(nn::ConvTranspose2dOptions(in_size, out_size, 2).stride(2));
    register_module("up", up);
    up_ = up;
  } else {
    const nn::Sequential up(nn::UpsamplingBilinear2d(nn::UpsampleOptions().scale_factor(std::vector<double>{2, 2})),
                            nn::Conv2d(in_size, out_size, 1));
    register_module("up", up);
    up_ = up;
  }
  if (skip_size != 0 && options.attention() != "none")
    gate_ = register_module("gate", AttentionGate(out_size, skip_size, options.attention()));
}

Tensor UNetUpImpl::forward(const Tensor& deep, const Tensor& shallow) {
  const Tensor up = up_.forward(deep);
  if (!shallow.defined()) return conv_(up);
  return conv_(cat({up, gate_ ? gate_(up, shallow) : shallow}, 1));
}

}  // namespace tessera::models
