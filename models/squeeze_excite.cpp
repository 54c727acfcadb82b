#include "models/squeeze_excite.h"

#include "core/ops/binary.h"
#include "core/ops/shape.h"
#include "nn/layers/activation.h"
#include "nn/layers/linear.h"

namespace tessera::models {

SqueezeExciteImpl::SqueezeExciteImpl(int64_t channels, int64_t reduction) : channels_(channels) {
  check<ValueError>(channels >= 1 && reduction >= 1 && channels / reduction >= 1,
                    "SqueezeExcite: {} channels / reduction {} leave no hidden channel. Use a reduction from 1 to the channels.",
                    channels, reduction);
  avg_pool_ = register_module("avg_pool", nn::AdaptiveAvgPool2d(1));
  fc_ = register_module("fc",
                        nn::Sequential(nn::Linear(nn::LinearOptions(channels, channels / reduction).bias(false)),
                                       nn::ReLU(nn::ReLUOptions(/*inplace=*/true)),
                                       nn::Linear(nn::LinearOptions(channels / reduction, channels).bias(false)), nn::Sigmoid()));
}

Tensor SqueezeExciteImpl::forward(const Tensor& x) {
  check<ShapeError>(x.dim() == 4 && x.size(1) == channels_, "SqueezeExcite: an input [N, {}, H, W] is needed, not {}", channels_,
                    x.sizes());
  const Tensor scale = fc_(flatten(avg_pool_(x), 1));  // [N, C]
  return mul(x, view(scale, {x.size(0), channels_, 1, 1}));
}

}  // namespace tessera::models
