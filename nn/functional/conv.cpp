#include "nn/functional/conv.h"

#include "core/ops/pad.h"

namespace tessera::nn {

std::array<int64_t, 4> ConvPadding::widths(IntArrayRef kernel_size, IntArrayRef dilation) const {
  std::array<int64_t, 4> result;
  for (size_t d = 0; d < 2; ++d) {
    const int64_t total = same_ ? dilation[d] * (kernel_size[d] - 1) : 2 * sizes_[d];
    result[2 - 2 * d] = total / 2;
    result[3 - 2 * d] = total - total / 2;
  }
  return result;
}

Tensor functional::conv2d(const Tensor& input, const Tensor& weight, const Conv2dFuncOptions& o) {
  check<ValueError>(!o.padding().is_same() || o.stride() == ExpandingArray<2>(1),
                    "conv2d: padding kSame needs a stride of 1, not {}", IntArrayRef(o.stride()));
  check<ShapeError>(weight.dim() == 4, "conv2d: the weight has shape {}. It must be [OC, IC / groups, KH, KW].", weight.sizes());
  const auto [left, right, top, bottom] = o.padding().widths({weight.size(2), weight.size(3)}, o.dilation());
  const Tensor x = left == right && top == bottom ? input : tessera::pad(input, {0, right - left, 0, bottom - top});
  return conv2d(x, weight, o.bias(), o.stride(), {top, left}, o.dilation(), o.groups());
}

}  // namespace tessera::nn
