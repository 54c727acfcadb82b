#include "nn/layers/conv.h"

#include <cmath>
#include <ostream>

#include "core/ops/creation.h"
#include "nn/functional/pad.h"
#include "nn/init.h"

namespace tessera::nn {
namespace {

template <class Options> void check_options(const char* name, const Options& o) {
  check<ValueError>(o.in_channels() > 0 && o.out_channels() > 0 && o.groups() > 0, "{}: {} to {} channels in {} groups", name,
                    o.in_channels(), o.out_channels(), o.groups());
  check<ValueError>(o.in_channels() % o.groups() == 0 && o.out_channels() % o.groups() == 0,
                    "{}: {} groups do not divide {} to {} channels", name, o.groups(), o.in_channels(), o.out_channels());
}

void reset_conv(const Tensor& weight, const Tensor& bias) {
  init::kaiming_uniform_(weight, std::sqrt(5.0));
  if (!bias.defined()) return;
  const double bound = 1 / std::sqrt(static_cast<double>(init::calculate_fan_in_and_fan_out(weight).first));
  init::uniform_(bias, -bound, bound);
}

template <class Options> void print(std::ostream& stream, const char* name, const Options& o) {
  stream << "tessera::nn::" << name << '(' << o.in_channels() << ", " << o.out_channels() << ", kernel_size=" << o.kernel_size()
         << ", stride=" << o.stride();
  const ConvPadding padding = o.padding();
  if (padding.is_same()) stream << ", padding='same'";
  if (padding.sizes() != ExpandingArray<2>(0)) stream << ", padding=" << padding.sizes();
  if (o.dilation() != ExpandingArray<2>(1)) stream << ", dilation=" << o.dilation();
  if constexpr (requires { o.output_padding(); })
    if (o.output_padding() != ExpandingArray<2>(0)) stream << ", output_padding=" << o.output_padding();
  if (o.groups() != 1) stream << ", groups=" << o.groups();
  if (!o.bias()) stream << ", bias=false";
  if constexpr (requires { o.padding_mode(); })
    if (o.padding_mode() != kZeros) stream << ", padding_mode=" << o.padding_mode();
  stream << ')';
}

}  // namespace

Conv2dImpl::Conv2dImpl(const Conv2dOptions& options) : options(options) {
  Conv2dImpl::reset();
}

void Conv2dImpl::reset() {
  check_options("Conv2d", options);
  check<ValueError>(!options.padding().is_same() || options.stride() == ExpandingArray<2>(1),
                    "Conv2d: padding kSame needs a stride of 1, not {}", IntArrayRef(options.stride()));
  const auto& k = options.kernel_size();
  weight = register_parameter("weight", empty({options.out_channels(), options.in_channels() / options.groups(), k[0], k[1]}));
  bias = register_parameter("bias", options.bias() ? empty({options.out_channels()}) : Tensor());
  reset_parameters();
}

void Conv2dImpl::reset_parameters() {
  reset_conv(weight, bias);
}
void Conv2dImpl::pretty_print(std::ostream& stream) const {
  print(stream, "Conv2d", options);
}

Tensor Conv2dImpl::forward(const Tensor& input) {
  auto conv =
      functional::Conv2dFuncOptions().bias(bias).stride(options.stride()).dilation(options.dilation()).groups(options.groups());
  if (options.padding_mode() == kZeros) return functional::conv2d(input, weight, conv.padding(options.padding()));
  const auto widths = options.padding().widths(options.kernel_size(), options.dilation());
  const auto padding = functional::PadFuncOptions({widths.begin(), widths.end()}).mode(options.padding_mode());
  return functional::conv2d(functional::pad(input, padding), weight, conv);
}

ConvTranspose2dImpl::ConvTranspose2dImpl(const ConvTranspose2dOptions& options) : options(options) {
  ConvTranspose2dImpl::reset();
}

void ConvTranspose2dImpl::reset() {
  check_options("ConvTranspose2d", options);
  const auto& k = options.kernel_size();
  weight = register_parameter("weight", empty({options.in_channels(), options.out_channels() / options.groups(), k[0], k[1]}));
  bias = register_parameter("bias", options.bias() ? empty({options.out_channels()}) : Tensor());
  reset_parameters();
}

void ConvTranspose2dImpl::reset_parameters() {
  reset_conv(weight, bias);
}
void ConvTranspose2dImpl::pretty_print(std::ostream& stream) const {
  print(stream, "ConvTranspose2d", options);
}

Tensor ConvTranspose2dImpl::forward(const Tensor& input, std::optional<ExpandingArray<2>> output_size) {
  ExpandingArray<2> output_padding = options.output_padding();
  for (size_t d = 0; output_size && d < 2; ++d) {
    const int64_t axis = static_cast<int64_t>(d) - 2;
    const int64_t least = (input.size(axis) - 1) * options.stride()[d] - 2 * options.padding()[d] +
                          options.dilation()[d] * (options.kernel_size()[d] - 1) + 1;
    (*output_padding)[d] = (*output_size)[d] - least;
    check<ValueError>(output_padding[d] >= 0 && output_padding[d] < options.stride()[d],
                      "ConvTranspose2d: the output size {} does not lie in [{}, {})", (*output_size)[d], least,
                      least + options.stride()[d]);
  }
  return conv_transpose2d(input, weight, bias, options.stride(), options.padding(), output_padding, options.groups(),
                          options.dilation());
}

}  // namespace tessera::nn
