// Pooling and resampling of [N, C, H, W] or [C, H, W]. Formulas and output sizes: core/ops/pool.h, core/ops/interpolate.h.
#pragma once

#include <tuple>

#include "core/ops/interpolate.h"
#include "nn/module_holder.h"
#include "nn/options.h"

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

class AdaptiveAvgPool2dOptions {
 public:
  AdaptiveAvgPool2dOptions(ExpandingArray<2> output_size) : output_size_(output_size) {}  // NOLINT: implicit
  TESSERA_ARG(ExpandingArray<2>, output_size);
};

// One of size and scale_factor; mode kNearest or kBilinear; align_corners for kBilinear.
class UpsampleOptions {
 public:
  TESSERA_ARG(std::optional<std::vector<int64_t>>, size) = {};
  TESSERA_ARG(std::optional<std::vector<double>>, scale_factor) = {};
  TESSERA_ARG(InterpolateMode, mode) = kNearest;
  TESSERA_ARG(std::optional<bool>, align_corners) = {};
};

class MaxPool2dImpl : public Cloneable<MaxPool2dImpl> {
 public:
  explicit MaxPool2dImpl(const MaxPool2dOptions& options) : options(options) {}
  MaxPool2dImpl(ExpandingArray<2> kernel_size) : MaxPool2dImpl(MaxPool2dOptions(kernel_size)) {}  // NOLINT: implicit
  void reset() override {}
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input);
  std::tuple<Tensor, Tensor> forward_with_indices(const Tensor& input);
  MaxPool2dOptions options;
};
TESSERA_MODULE(MaxPool2d);

class AvgPool2dImpl : public Cloneable<AvgPool2dImpl> {
 public:
  explicit AvgPool2dImpl(const AvgPool2dOptions& options) : options(options) {}
  AvgPool2dImpl(ExpandingArray<2> kernel_size) : AvgPool2dImpl(AvgPool2dOptions(kernel_size)) {}  // NOLINT: implicit
  void reset() override {}
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input);
  AvgPool2dOptions options;
};
TESSERA_MODULE(AvgPool2d);

class AdaptiveAvgPool2dImpl : public Cloneable<AdaptiveAvgPool2dImpl> {
 public:
  explicit AdaptiveAvgPool2dImpl(const AdaptiveAvgPool2dOptions& options) : options(options) {}
  AdaptiveAvgPool2dImpl(ExpandingArray<2> output_size) : options(output_size) {}  // NOLINT: implicit
  void reset() override {}
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input);
  AdaptiveAvgPool2dOptions options;
};
TESSERA_MODULE(AdaptiveAvgPool2d);

class UpsampleImpl : public Cloneable<UpsampleImpl> {
 public:
  explicit UpsampleImpl(const UpsampleOptions& options = {}) : options(options) {}
  void reset() override {}
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input);
  UpsampleOptions options;
};
TESSERA_MODULE(Upsample);

// PyTorch's UpsamplingBilinear2d: bilinear with align_corners.
class UpsamplingBilinear2dImpl : public UpsampleImpl {
 public:
  explicit UpsamplingBilinear2dImpl(UpsampleOptions options) : UpsampleImpl(options.mode(kBilinear).align_corners(true)) {}
};
TESSERA_MODULE(UpsamplingBilinear2d);

}  // namespace tessera::nn
