#include "models/fcn_vgg.h"

#include <algorithm>
#include <charconv>

#include "core/ops/unary.h"
#include "models/fused_forward.h"
#include "models/padding.h"
#include "nn/init.h"

namespace tessera::models {
namespace {

// `features` in its five stages, which share its modules.
std::vector<nn::Sequential> cut_stages(const nn::Sequential& features) {
  std::vector<nn::Sequential> stages;
  size_t begin = 0;
  for (const size_t end : vgg_stage_ends(features)) {
    stages.push_back(features->slice(begin, end));
    begin = end;
  }
  return stages;
}

// Brings [N, channels, H, W] to factor times its size by a transposed convolution that starts as bilinear interpolation.
nn::ConvTranspose2d bilinear_upsampling(int64_t channels, int64_t factor) {
  const nn::ConvTranspose2d up(
      nn::ConvTranspose2dOptions(channels, channels, 2 * factor).stride(factor).padding(factor / 2).bias(false));
  nn::init::bilinear_(up->weight);
  return up;
}

void check_input(const char* name, const Tensor& input, int64_t channels) {
  check<ShapeError>(input.dim() == 4 && input.size(1) == channels, "{}: an input [N, {}, H, W] is needed, not {}", name, channels,
                    input.sizes());
}

}  // namespace

FCNVGG16Impl::FCNVGG16Impl(const FCNVGG16Options& options) : options(options) {
  check<ValueError>(options.num_classes() >= 1, "FCNVGG16: num_classes {} is not positive", options.num_classes());
  FCNVGG16Impl::reset();
}

void FCNVGG16Impl::reset() {
  const int64_t classes = options.num_classes();
  stages_ = cut_stages(vgg_features(VGGOptions(16).batch_norm(true).in_channels(options.in_channels())));
  for (size_t i = 0; i < stages_.size(); ++i) register_module(fmt::format("stage{}", i + 1), stages_[i]);
  register_module("scores1", nn::Conv2d(512, classes, 1));
  register_module("scores2", nn::Conv2d(512, classes, 1));
  register_module("scores3", nn::Conv2d(128, classes, 1));
  conv_trans1_ = register_module("conv_trans1", nn::Conv2d(512, 256, 1));
  conv_trans2_ = register_module("conv_trans2", nn::Conv2d(256, classes, 1));
  upsample_8x_ = register_module("upsample_8x", bilinear_upsampling(classes, 8));
  upsample_2x_1_ = register_module("upsample_2x_1", bilinear_upsampling(512, 2));
  upsample_2x_2_ = register_module("upsample_2x_2", bilinear_upsampling(256, 2));
}

Tensor FCNVGG16Impl::forward(const Tensor& input) {
  check_input("FCNVGG16", input, options.in_channels());
  std::vector<Tensor> s = {pad_to_multiple(input, 32)};  // s[k]: after stage k
  for (const nn::Sequential& stage : stages_) s.push_back(fused_forward(*stage, s.back()));
  const Tensor deep = conv_trans1_(upsample_2x_1_(s[5]).add_(s[4]));
  const Tensor scores = conv_trans2_(upsample_2x_2_(deep).add_(s[3]));
  return crop_to(upsample_8x_(scores), input.size(2), input.size(3));
}

std::string fcn_vgg16_name(const std::string& name) {
  static const std::vector<size_t> ends = {7, 14, 24, 34, 44};
  constexpr std::string_view kPrefix = "features.";
  if (!name.starts_with(kPrefix)) return name;
  size_t number = 0;
  const auto [end, error] = std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), number);
  if (error != std::errc() || *end != '.' || number >= ends.back()) return name;
  const size_t stage = static_cast<size_t>(std::upper_bound(ends.begin(), ends.end(), number) - ends.begin());
  return fmt::format("stage{}.{}", stage + 1, name.substr(kPrefix.size()));
}

FCNHeadImpl::FCNHeadImpl(const FCNHeadOptions& options) : options(options) {
  check<ValueError>(options.stride() == 32 || options.stride() == 16 || options.stride() == 8,
                    "FCNHead: there is no stride {}. There is 32, 16 and 8.", options.stride());
  check<ValueError>(options.num_classes() >= 1, "FCNHead: num_classes {} is not positive", options.num_classes());
  FCNHeadImpl::reset();
}

void FCNHeadImpl::reset() {
  features = register_module("features",
                             vgg_features(VGGOptions(16).batch_norm(options.batch_norm()).in_channels(options.in_channels())));
  stages_ = cut_stages(features);
  fc6_ = register_module("fc6", nn::Conv2d(nn::Conv2dOptions(512, 4096, 7).padding(3)));
  fc7_ = register_module("fc7", nn::Conv2d(4096, 4096, 1));
  dropout_ = register_module("dropout", nn::Dropout(options.dropout()));
  for (const nn::Conv2d& conv : {fc6_, fc7_}) {
    nn::init::kaiming_normal_(conv->weight, 0, nn::init::FanMode::FanIn, nn::init::Nonlinearity::ReLU);
    nn::init::zeros_(conv->bias);
  }
  const int64_t stride = options.stride();
  score_fr_ = add_score("score_fr", 4096);
  if (stride <= 16) {
    score_pool4_ = add_score("score_pool4", 512);
    upscore2_ = add_upscore("upscore2", 2);
  }
  if (stride == 8) {
    score_pool3_ = add_score("score_pool3", 256);
    upscore_pool4_ = add_upscore("upscore_pool4", 2);
  }
  upscore_last_ = add_upscore(fmt::format("upscore{}", stride), stride);
  upscore_last_->weight.requires_grad_(false);
}

nn::Conv2d FCNHeadImpl::add_score(const std::string& name, int64_t channels) {
  const nn::Conv2d conv(channels, options.num_classes(), 1);
  nn::init::zeros_(conv->weight);
  nn::init::zeros_(conv->bias);
  return register_module(name, conv);
}

nn::ConvTranspose2d FCNHeadImpl::add_upscore(const std::string& name, int64_t factor) {
  return register_module(name, bilinear_upsampling(options.num_classes(), factor));
}

Tensor FCNHeadImpl::forward(const Tensor& input) {
  check_input("FCNHead", input, options.in_channels());
  std::vector<Tensor> pool = {pad_to_multiple(input, 32)};  // pool[k]: after stage k
  for (const nn::Sequential& stage : stages_) pool.push_back(fused_forward(*stage, pool.back()));
  const auto fully_connected = [&](const nn::Conv2d& conv, const Tensor& x) { return dropout_(relu_(conv(x))); };
  Tensor scores = score_fr_(fully_connected(fc7_, fully_connected(fc6_, pool[5])));
  if (upscore2_) scores = upscore2_(scores).add_(score_pool4_(pool[4]));
  if (upscore_pool4_) scores = upscore_pool4_(scores).add_(score_pool3_(pool[3]));
  return crop_to(upscore_last_(scores), input.size(2), input.size(3));
}

void rename_for_fcn_head(std::string& name, Tensor& tensor) {
  if (name == "classifier.0.bias") name = "fc6.bias";
  if (name == "classifier.3.bias") name = "fc7.bias";
  if (name == "classifier.0.weight" && tensor.numel() == int64_t{4096} * 512 * 7 * 7) {
    name = "fc6.weight";
    tensor = tensor.reshape({4096, 512, 7, 7});
  }
  if (name == "classifier.3.weight" && tensor.numel() == int64_t{4096} * 4096) {
    name = "fc7.weight";
    tensor = tensor.reshape({4096, 4096, 1, 1});
  }
}

}  // namespace tessera::models
