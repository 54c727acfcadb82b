// Convolution layers. Formulas and output sizes: core/ops/conv.h.
#pragma once

#include "nn/functional/conv.h"
#include "nn/functional/pad.h"
#include "nn/module_holder.h"
#include "nn/options.h"

namespace tessera::nn {

class Conv2dOptions {
 public:
  Conv2dOptions(int64_t in_channels, int64_t out_channels, ExpandingArray<2> kernel_size)
      : in_channels_(in_channels), out_channels_(out_channels), kernel_size_(kernel_size) {}
  TESSERA_ARG(int64_t, in_channels);
  TESSERA_ARG(int64_t, out_channels);
  TESSERA_ARG(ExpandingArray<2>, kernel_size);
  TESSERA_ARG(ExpandingArray<2>, stride) = 1;
  TESSERA_ARG(ConvPadding, padding) = 0;
  TESSERA_ARG(ExpandingArray<2>, dilation) = 1;
  TESSERA_ARG(int64_t, groups) = 1;
  TESSERA_ARG(bool, bias) = true;
  TESSERA_ARG(std::string, padding_mode) = kZeros;  // or kReflect, kReplicate, kCircular: functional::pad
};

class ConvTranspose2dOptions {
 public:
  ConvTranspose2dOptions(int64_t in_channels, int64_t out_channels, ExpandingArray<2> kernel_size)
      : in_channels_(in_channels), out_channels_(out_channels), kernel_size_(kernel_size) {}
  TESSERA_ARG(int64_t, in_channels);
  TESSERA_ARG(int64_t, out_channels);
  TESSERA_ARG(ExpandingArray<2>, kernel_size);
  TESSERA_ARG(ExpandingArray<2>, stride) = 1;
  TESSERA_ARG(ExpandingArray<2>, padding) = 0;
  TESSERA_ARG(ExpandingArray<2>, output_padding) = 0;
  TESSERA_ARG(int64_t, groups) = 1;
  TESSERA_ARG(bool, bias) = true;
  TESSERA_ARG(ExpandingArray<2>, dilation) = 1;
};

// weight [out, in / groups, kh, kw] and bias [out], both uniform in +-1 / sqrt(in / groups * kh * kw)
// (kaiming_uniform, a = sqrt 5). ValueError for sizes below 1, groups that do not divide, and kSame with a stride.
class Conv2dImpl : public Cloneable<Conv2dImpl> {
 public:
  Conv2dImpl(int64_t in_channels, int64_t out_channels, ExpandingArray<2> kernel_size)
      : Conv2dImpl(Conv2dOptions(in_channels, out_channels, kernel_size)) {}
  explicit Conv2dImpl(const Conv2dOptions& options);
  void reset() override;
  void reset_parameters();
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input);  // [N, in, H, W] -> [N, out, OH, OW]

  Conv2dOptions options;
  Tensor weight, bias;
};
TESSERA_MODULE(Conv2d);

// weight [in, out / groups, kh, kw] and bias [out].
class ConvTranspose2dImpl : public Cloneable<ConvTranspose2dImpl> {
 public:
  ConvTranspose2dImpl(int64_t in_channels, int64_t out_channels, ExpandingArray<2> kernel_size)
      : ConvTranspose2dImpl(ConvTranspose2dOptions(in_channels, out_channels, kernel_size)) {}
  explicit ConvTranspose2dImpl(const ConvTranspose2dOptions& options);
  void reset() override;
  void reset_parameters();
  void pretty_print(std::ostream& stream) const override;
  // output_size {OH, OW} picks one of the `stride` sizes that are possible, in place of output_padding.
  Tensor forward(const Tensor& input, std::optional<ExpandingArray<2>> output_size = {});

  ConvTranspose2dOptions options;
  Tensor weight, bias;
};
TESSERA_MODULE(ConvTranspose2d);

}  // namespace tessera::nn
