#include "nn/layers/pool.h"

#include <fmt/ranges.h>

#include <ostream>

#include "core/ops/pool.h"

namespace tessera::nn {
namespace {
std::string text(const ExpandingArray<2>& values) {
  return to_string(IntArrayRef(values));
}
}  // namespace

Tensor MaxPool2dImpl::forward(const Tensor& input) {
  return max_pool2d(input, options.kernel_size(), options.stride(), options.padding(), options.dilation(), options.ceil_mode());
}
std::tuple<Tensor, Tensor> MaxPool2dImpl::forward_with_indices(const Tensor& input) {
  return max_pool2d_with_indices(input, options.kernel_size(), options.stride(), options.padding(), options.dilation(),
                                 options.ceil_mode());
}
Tensor AvgPool2dImpl::forward(const Tensor& input) {
  return avg_pool2d(input, options.kernel_size(), options.stride(), options.padding(), options.ceil_mode(),
                    options.count_include_pad(), options.divisor_override());
}
Tensor AdaptiveAvgPool2dImpl::forward(const Tensor& input) {
  return adaptive_avg_pool2d(input, options.output_size());
}
Tensor UpsampleImpl::forward(const Tensor& input) {
  return interpolate(input, {.size = options.size(),
                             .scale_factor = options.scale_factor(),
                             .mode = options.mode(),
                             .align_corners = options.align_corners()});
}

void MaxPool2dImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::MaxPool2d(kernel_size=" << text(options.kernel_size()) << ", stride=" << text(options.stride())
         << ", padding=" << text(options.padding()) << ", dilation=" << text(options.dilation())
         << ", ceil_mode=" << (options.ceil_mode() ? "true" : "false") << ')';
}
void AvgPool2dImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::AvgPool2d(kernel_size=" << text(options.kernel_size()) << ", stride=" << text(options.stride())
         << ", padding=" << text(options.padding()) << ')';
}
void AdaptiveAvgPool2dImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::AdaptiveAvgPool2d(output_size=" << text(options.output_size()) << ')';
}
void UpsampleImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::Upsample(";
  if (options.size()) stream << fmt::format("size={}", *options.size());
  if (options.scale_factor()) stream << fmt::format("scale_factor={}", *options.scale_factor());
  stream << ", mode=" << (options.mode() == kNearest ? "nearest" : "bilinear");
  if (options.align_corners()) stream << ", align_corners=" << (*options.align_corners() ? "true" : "false");
  stream << ')';
}

}  // namespace tessera::nn
