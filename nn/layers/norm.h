// Normalisation layers. Formulas: core/ops/norm.h.
#pragma once

#include "nn/module_holder.h"
#include "nn/options.h"

namespace tessera::nn {

class BatchNormOptions {
 public:
  BatchNormOptions(int64_t num_features) : num_features_(num_features) {}  // NOLINT: implicit, as in libtorch
  TESSERA_ARG(int64_t, num_features);
  TESSERA_ARG(double, eps) = 1e-5;
  // The share of the new batch in the running statistics; nothing: the mean over all batches so far.
  TESSERA_ARG(std::optional<double>, momentum) = 0.1;
  TESSERA_ARG(bool, affine) = true;
  TESSERA_ARG(bool, track_running_stats) = true;
};
using BatchNorm2dOptions = BatchNormOptions;

// weight (ones) and bias (zeros) [C]; buffers running_mean (zeros), running_var (ones) [C] and num_batches_tracked (int64).
// In training the batch's statistics, which also move the running ones; in evaluation the running ones, if they are tracked.
class BatchNorm2dImpl : public Cloneable<BatchNorm2dImpl> {
 public:
  explicit BatchNorm2dImpl(const BatchNorm2dOptions& options);
  void reset() override;
  void reset_running_stats();
  void reset_parameters();
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input);       // [N, C, H, W], the same out
  Tensor forward_relu(const Tensor& input);  // relu(forward(input)) in one pass, which saves no mask

  BatchNorm2dOptions options;
  Tensor weight, bias, running_mean, running_var, num_batches_tracked;

 private:
  double next_momentum();
  void check_input(const Tensor& input) const;
};
TESSERA_MODULE(BatchNorm2d);

class GroupNormOptions {
 public:
  GroupNormOptions(int64_t num_groups, int64_t num_channels) : num_groups_(num_groups), num_channels_(num_channels) {}
  TESSERA_ARG(int64_t, num_groups);
  TESSERA_ARG(int64_t, num_channels);
  TESSERA_ARG(double, eps) = 1e-5;
  TESSERA_ARG(bool, affine) = true;
};

// weight (ones) and bias (zeros) [num_channels].
class GroupNormImpl : public Cloneable<GroupNormImpl> {
 public:
  GroupNormImpl(int64_t num_groups, int64_t num_channels) : GroupNormImpl(GroupNormOptions(num_groups, num_channels)) {}
  explicit GroupNormImpl(const GroupNormOptions& options);
  void reset() override;
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input);  // [N, C, ...], the same out

  GroupNormOptions options;
  Tensor weight, bias;
};
TESSERA_MODULE(GroupNorm);

class LayerNormOptions {
 public:
  LayerNormOptions(std::vector<int64_t> normalized_shape) : normalized_shape_(std::move(normalized_shape)) {}  // NOLINT: implicit
  TESSERA_ARG(std::vector<int64_t>, normalized_shape);
  TESSERA_ARG(double, eps) = 1e-5;
  TESSERA_ARG(bool, elementwise_affine) = true;
};

// weight (ones) and bias (zeros) of normalized_shape, the sizes of the trailing dimensions.
class LayerNormImpl : public Cloneable<LayerNormImpl> {
 public:
  explicit LayerNormImpl(std::vector<int64_t> normalized_shape) : LayerNormImpl(LayerNormOptions(std::move(normalized_shape))) {}
  explicit LayerNormImpl(const LayerNormOptions& options);
  void reset() override;
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input);

  LayerNormOptions options;
  Tensor weight, bias;
};
TESSERA_MODULE(LayerNorm);

}  // namespace tessera::nn
