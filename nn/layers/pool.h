// Pooling and resampling of [N, C, H, W] or [C, H, W]. Formulas and output sizes: core/ops/pool.h, core/ops/interpolate.h.
#pragma once

#include <tuple>

#include "core/ops/interpolate.h"
#include "nn/layers/layer.h"

namespace tessera::nn {

class MaxPool2dOptions {
 public:
  MaxPool2dOptions(ExpandingArray<2> kernel_size) : kernel_size_(kernel_size), stride_(kernel_size) {}  // NOLINT: implicit
  TESSERA_ARG(ExpandingArray<2>, kernel_size);
  TESSERA_ARG(ExpandingArray<2>, stride);  // default: kernel_size
  TESSERA_ARG(ExpandingArray<2>, padding) = 0;
  TESSERA_ARG(ExpandingArray<2>, dilation) = 1;
  TESSERA_ARG(bool, ceil_mode) = false;
};

class AvgPool2dOptions {
 public:
  AvgPool2dOptions(ExpandingArray<2> kernel_size) : kernel_size_(kernel_size), stride_(kernel_size) {}  // NOLINT: implicit
  TESSERA_ARG(ExpandingArray<2>, kernel_size);
  TESSERA_ARG(ExpandingArray<2>, stride);  // default: kernel_size
  TESSERA_ARG(ExpandingArray<2>, padding) = 0;
  TESSERA_ARG(bool, ceil_mode) = false;
  TESSERA_ARG(bool, count_include_pad) = true;
  TESSERA_ARG(std::optional<int64_t>, divisor_override) = {};
};

// A size that is left out (std::nullopt) is the input's.
class AdaptiveAvgPool2dOptions {
 public:
  AdaptiveAvgPool2dOptions(ExpandingArrayWithOptionalElem<2> output_size) : output_size_(output_size) {}  // NOLINT: implicit
  TESSERA_ARG(ExpandingArrayWithOptionalElem<2>, output_size);
};

// The inverse of max pooling: each value goes back to where its maximum was found, the rest is 0.
class MaxUnpool2dOptions {
 public:
  MaxUnpool2dOptions(ExpandingArray<2> kernel_size) : kernel_size_(kernel_size), stride_(kernel_size) {}  // NOLINT: implicit
  TESSERA_ARG(ExpandingArray<2>, kernel_size);
  TESSERA_ARG(ExpandingArray<2>, stride);  // default: kernel_size
  TESSERA_ARG(ExpandingArray<2>, padding) = 0;
};

// One of size and scale_factor; mode kNearest or kBilinear; align_corners for kBilinear.
class UpsampleOptions {
 public:
  TESSERA_ARG(std::optional<std::vector<int64_t>>, size) = {};
  TESSERA_ARG(std::optional<std::vector<double>>, scale_factor) = {};
  TESSERA_ARG(InterpolateMode, mode) = kNearest;
  TESSERA_ARG(std::optional<bool>, align_corners) = {};
};

class MaxPool2dImpl : public OptionsLayer<MaxPool2dImpl, MaxPool2dOptions> {
 public:
  using OptionsLayer::OptionsLayer;
  MaxPool2dImpl(ExpandingArray<2> kernel_size) : MaxPool2dImpl(MaxPool2dOptions(kernel_size)) {}  // NOLINT: implicit
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input);
  std::tuple<Tensor, Tensor> forward_with_indices(const Tensor& input);
};
TESSERA_MODULE(MaxPool2d);

class AvgPool2dImpl : public OptionsLayer<AvgPool2dImpl, AvgPool2dOptions> {
 public:
  using OptionsLayer::OptionsLayer;
  AvgPool2dImpl(ExpandingArray<2> kernel_size) : AvgPool2dImpl(AvgPool2dOptions(kernel_size)) {}  // NOLINT: implicit
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input);
};
TESSERA_MODULE(AvgPool2d);

class AdaptiveAvgPool2dImpl : public OptionsLayer<AdaptiveAvgPool2dImpl, AdaptiveAvgPool2dOptions> {
 public:
  using OptionsLayer::OptionsLayer;
  AdaptiveAvgPool2dImpl(ExpandingArrayWithOptionalElem<2> output_size)  // NOLINT: implicit
      : OptionsLayer(AdaptiveAvgPool2dOptions(output_size)) {}
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input);
};
TESSERA_MODULE(AdaptiveAvgPool2d);

class MaxUnpool2dImpl : public OptionsLayer<MaxUnpool2dImpl, MaxUnpool2dOptions> {
 public:
  using OptionsLayer::OptionsLayer;
  MaxUnpool2dImpl(ExpandingArray<2> kernel_size) : OptionsLayer(MaxUnpool2dOptions(kernel_size)) {}  // NOLINT: implicit
  void pretty_print(std::ostream& stream) const override;
  // indices: those of the max pooling, int64 of input's shape. output_size {OH, OW}: the pooling's input, by default the smallest
  // that fits, (size - 1) * stride - 2 * padding + kernel_size. Where windows overlapped and two values share a place, their sum
  // is taken.
  Tensor forward(const Tensor& input, const Tensor& indices, const std::optional<std::vector<int64_t>>& output_size = {});
};
TESSERA_MODULE(MaxUnpool2d);

class UpsampleImpl : public OptionsLayer<UpsampleImpl, UpsampleOptions> {
 public:
  using OptionsLayer::OptionsLayer;
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input);
};
TESSERA_MODULE(Upsample);

// PyTorch's UpsamplingBilinear2d: bilinear with align_corners.
class UpsamplingBilinear2dImpl : public UpsampleImpl {
 public:
  explicit UpsamplingBilinear2dImpl(UpsampleOptions options) : UpsampleImpl(options.mode(kBilinear).align_corners(true)) {}
};
TESSERA_MODULE(UpsamplingBilinear2d);

}  // namespace tessera::nn
