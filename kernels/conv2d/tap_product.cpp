#include "kernels/conv2d/tap_product.h"

#include <numeric>

namespace tessera::kernels {

TapProduct forward_product(const View& out, const View& input, const View& weight, const Conv2dParams& params) {
  TapProduct p;
  p.images = out.sizes[0], p.channels = out.sizes[1], p.in_channels = input.sizes[1];
  p.grid = p.out = {out.sizes[2], out.sizes[3]};
  p.kernel = p.taps = {weight.sizes[2], weight.sizes[3]};
  p.step = params.stride;
  p.first = {-params.padding[0], -params.padding[1]};
  p.tap_step = params.dilation;
  p.weight_stride_c = weight.strides[0], p.weight_stride_k = weight.strides[1], p.fold_channels = p.in_channels;
  p.weight_strides = {weight.strides[2], weight.strides[3]};
  return p;
}

bool may_fold(const TapProduct& p) {
  constexpr int64_t kManyChannels = 64;
  return p.in_channels < kManyChannels && p.tap_step[1] == 1 && p.phases[1] == 1 && p.step[1] != 1;
}

void fold_pixels(TapProduct& p, View& in) {
  const int64_t width = in.sizes[3];
  const bool dense = (p.in_channels == 1 || in.strides[1] == 1) && in.strides[3] == p.in_channels;
  if (!dense || !may_fold(p)) return;
  int64_t group = p.step[1];  // the widest group that all of them are multiples of
  for (int64_t other : {p.taps[1], -p.first[1], width}) group = std::gcd(group, other);
  if (group == 1) return;
  p.fold_channels = p.in_channels, p.weight_stride_fold = p.weight_strides[1];
  p.weight_strides[1] *= group;
  p.in_channels *= group;
  p.step[1] /= group, p.first[1] /= group, p.taps[1] /= group, p.kernel[1] /= group;
  in.sizes[1] *= group, in.sizes[3] /= group;
  in.strides[1] = 1, in.strides[3] *= group;
}

bool has_input_grad_product(const Conv2dParams& params) {
  return (params.stride[0] == 1 || params.dilation[0] == 1) && (params.stride[1] == 1 || params.dilation[1] == 1);
}

TapProduct input_grad_product(const View& grad_input, const View& grad_out, const View& weight, const Conv2dParams& params) {
  TapProduct p;
  p.images = grad_input.sizes[0], p.channels = grad_input.sizes[1], p.in_channels = grad_out.sizes[1];
  p.out = {grad_input.sizes[2], grad_input.sizes[3]};
  p.kernel = {weight.sizes[2], weight.sizes[3]};
  p.phases = params.stride;
  for (size_t d : {0, 1}) {
    const int64_t stride = params.stride[d], padding = params.padding[d];
    p.taps[d] = (p.kernel[d] + stride - 1) / stride;
    p.tap_step[d] = -params.dilation[d];
    p.first[d] = padding / stride;  // blocks before it lie in the padding
    p.shift[d] = padding % stride;
    p.grid[d] = (p.out[d] - 1 + padding) / stride - p.first[d] + 1;
  }
  p.weight_stride_k = weight.strides[0], p.weight_stride_c = weight.strides[1], p.fold_channels = p.in_channels;
  p.weight_strides = {weight.strides[2], weight.strides[3]};
  return p;
}

void align_blocks(TapProduct& p) {
  for (size_t d : {0, 1}) {
    const int64_t phases = p.phases[d], lead = p.shift[d] == 0 ? 0 : phases - p.shift[d];
    if (lead == 0 || (p.kernel[d] + lead + phases - 1) / phases > p.taps[d]) continue;
    p.lead[d] = lead, p.shift[d] = 0;
    ++p.first[d];
    p.grid[d] = (p.out[d] + phases - 1) / phases;
  }
}

}  // namespace tessera::kernels
