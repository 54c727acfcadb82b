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
using BatchNorm1dOptions = BatchNormOptions;
using BatchNorm2dOptions = BatchNormOptions;

class InstanceNormOptions {
 public:
  InstanceNormOptions(int64_t num_features) : num_features_(num_features) {}  // NOLINT: implicit, as in libtorch
  TESSERA_ARG(int64_t, num_features);
  TESSERA_ARG(double, eps) = 1e-5;
  TESSERA_ARG(std::optional<double>, momentum) = 0.1;
  TESSERA_ARG(bool, affine) = false;
  TESSERA_ARG(bool, track_running_stats) = false;
};
using InstanceNorm1dOptions = InstanceNormOptions;
using InstanceNorm2dOptions = InstanceNormOptions;

// What batch and instance norm hold: weight (ones) and bias (zeros) [C] if affine; buffers running_mean (zeros), running_var
// (ones) [C] and num_batches_tracked (int64) if statistics are tracked.
template <class Derived, class Options> class RunningNorm : public Cloneable<Derived> {
 public:
  explicit RunningNorm(const Options& options) : options(options) { RunningNorm::reset(); }
  void reset() override;
  void reset_running_stats();
  void reset_parameters();
  void pretty_print(std::ostream& stream) const override;

  Options options;
  Tensor weight, bias, running_mean, running_var, num_batches_tracked;

 protected:
  // Whether the input's own statistics are used: in training, and where none are tracked.
  bool uses_input() const { return this->is_training() || !running_mean.defined(); }
  // Counts the batch, and says how far the running statistics move towards it.
  double next_momentum();
};

// In training the batch's statistics, which also move the running ones; in evaluation the running ones, if they are tracked.
class BatchNorm1dImpl : public RunningNorm<BatchNorm1dImpl, BatchNormOptions> {
 public:
  using RunningNorm::RunningNorm;
  static constexpr const char* kName = "BatchNorm1d";
  Tensor forward(const Tensor& input);  // [N, C] or [N, C, L], the same out
};
TESSERA_MODULE(BatchNorm1d);

class BatchNorm2dImpl : public RunningNorm<BatchNorm2dImpl, BatchNormOptions> {
 public:
  using RunningNorm::RunningNorm;
  static constexpr const char* kName = "BatchNorm2d";
  Tensor forward(const Tensor& input);       // [N, C, H, W], the same out
  Tensor forward_relu(const Tensor& input);  // relu(forward(input)) in one pass, which saves no mask
  Tensor forward_add_relu(const Tensor& input, const Tensor& residual);  // relu(forward(input) + residual), on a GPU in one pass
};
TESSERA_MODULE(BatchNorm2d);

// Each channel of each sample by its own statistics; the running ones in evaluation, if they are tracked. Formula:
// functional::instance_norm.
class InstanceNorm1dImpl : public RunningNorm<InstanceNorm1dImpl, InstanceNormOptions> {
 public:
  using RunningNorm::RunningNorm;
  static constexpr const char* kName = "InstanceNorm1d";
  Tensor forward(const Tensor& input);  // [N, C, L] or [C, L], the same out
};
TESSERA_MODULE(InstanceNorm1d);

class InstanceNorm2dImpl : public RunningNorm<InstanceNorm2dImpl, InstanceNormOptions> {
 public:
  using RunningNorm::RunningNorm;
  static constexpr const char* kName = "InstanceNorm2d";
  Tensor forward(const Tensor& input);  // [N, C, H, W] or [C, H, W], the same out
};
TESSERA_MODULE(InstanceNorm2d);

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
  void reset_parameters();
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
  void reset_parameters();
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input);

  LayerNormOptions options;
  Tensor weight, bias;
};
TESSERA_MODULE(LayerNorm);

}  // namespace tessera::nn
