#include "nn/layers/pool.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <ostream>

#include "core/ops/creation.h"
#include "core/ops/index.h"
#include "core/ops/pool.h"

namespace tessera::nn {
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
  const auto& size = options.output_size();
  return adaptive_avg_pool2d(input, {size[0].value_or(input.size(-2)), size[1].value_or(input.size(-1))});
}
Tensor MaxUnpool2dImpl::forward(const Tensor& input, const Tensor& indices,
                                const std::optional<std::vector<int64_t>>& output_size) {
  check<ShapeError>((input.dim() == 3 || input.dim() == 4) && indices.sizes() == input.sizes(),
                    "MaxUnpool2d: input and indices [N, C, H, W] or [C, H, W] are needed, not {} and {}", input.sizes(),
                    indices.sizes());
  std::array<int64_t, 2> size;
  for (size_t d = 0; d < 2; ++d)
    size[d] =
        (input.size(static_cast<int64_t>(d) - 2) - 1) * options.stride()[d] - 2 * options.padding()[d] + options.kernel_size()[d];
  if (output_size) {
    check<ValueError>(output_size->size() >= 2, "MaxUnpool2d: an output size of {} numbers", output_size->size());
    std::copy(output_size->end() - 2, output_size->end(), size.begin());
  }
  DimVector flat(input.sizes().begin(), input.sizes().end() - 2);
  flat.push_back(size[0] * size[1]);
  const Tensor places = scatter_add(zeros(flat, input.options()), -1, indices.flatten(-2), input.flatten(-2));
  flat.back() = size[0];
  flat.push_back(size[1]);
  return places.view(flat);
}
Tensor UpsampleImpl::forward(const Tensor& input) {
  return interpolate(input, {.size = options.size(),
                             .scale_factor = options.scale_factor(),
                             .mode = options.mode(),
                             .align_corners = options.align_corners()});
}

void MaxPool2dImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::MaxPool2d(kernel_size=" << options.kernel_size() << ", stride=" << options.stride()
         << ", padding=" << options.padding() << ", dilation=" << options.dilation()
         << ", ceil_mode=" << (options.ceil_mode() ? "true" : "false") << ')';
}
void AvgPool2dImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::AvgPool2d(kernel_size=" << options.kernel_size() << ", stride=" << options.stride()
         << ", padding=" << options.padding() << ')';
}
void AdaptiveAvgPool2dImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::AdaptiveAvgPool2d(output_size=" << options.output_size() << ')';
}
void MaxUnpool2dImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::MaxUnpool2d(kernel_size=" << options.kernel_size() << ", stride=" << options.stride()
         << ", padding=" << options.padding() << ')';
}
void UpsampleImpl::pretty_print(std::ostream& stream) const {
  stream << "tessera::nn::Upsample(";
  if (options.scale_factor())
    stream << fmt::format("scale_factor={}", *options.scale_factor());
  else if (options.size())
    stream << fmt::format("size={}", *options.size());
  stream << ", mode=" << (options.mode() == kNearest ? "kNearest" : "kBilinear") << ')';
}

}  // namespace tessera::nn
