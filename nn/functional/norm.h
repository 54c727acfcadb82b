// nn::functional: normalisation with option structs. Formulas: core/ops/norm.h.
#pragma once

#include <vector>

#include "core/ops/norm.h"
#include "core/ops/similarity.h"
#include "nn/options.h"

namespace tessera::nn::functional {

class BatchNormFuncOptions {
 public:
  TESSERA_ARG(Tensor, weight) = {};
  TESSERA_ARG(Tensor, bias) = {};
  TESSERA_ARG(bool, training) = false;
  TESSERA_ARG(double, momentum) = 0.1;
  TESSERA_ARG(double, eps) = 1e-5;
};
using tessera::batch_norm;
inline Tensor batch_norm(const Tensor& input, const Tensor& running_mean, const Tensor& running_var,
                         const BatchNormFuncOptions& o = {}) {
  return batch_norm(input, o.weight(), o.bias(), running_mean, running_var, o.training(), o.momentum(), o.eps());
}

class InstanceNormFuncOptions {
 public:
  TESSERA_ARG(Tensor, running_mean) = {};
  TESSERA_ARG(Tensor, running_var) = {};
  TESSERA_ARG(Tensor, weight) = {};
  TESSERA_ARG(Tensor, bias) = {};
  TESSERA_ARG(bool, use_input_stats) = true;
  TESSERA_ARG(double, momentum) = 0.1;
  TESSERA_ARG(double, eps) = 1e-5;
};
// With use_input_stats each channel of each sample of [N, C, ...] is normalised by its own mean and variance over the pixels:
// group_norm with one channel a group (Ulyanov et al., 2016); running_mean and running_var, where given, move towards the means
// over the samples of those means and (unbiased) variances by the share `momentum`. Otherwise batch_norm with the running ones.
Tensor instance_norm(const Tensor& input, const Tensor& running_mean, const Tensor& running_var, const Tensor& weight,
                     const Tensor& bias, bool use_input_stats, double momentum, double eps);
inline Tensor instance_norm(const Tensor& input, const InstanceNormFuncOptions& o = {}) {
  return instance_norm(input, o.running_mean(), o.running_var(), o.weight(), o.bias(), o.use_input_stats(), o.momentum(),
                       o.eps());
}

class GroupNormFuncOptions {
 public:
  GroupNormFuncOptions(int64_t num_groups) : num_groups_(num_groups) {}  // NOLINT: implicit, as in libtorch
  TESSERA_ARG(int64_t, num_groups);
  TESSERA_ARG(Tensor, weight) = {};
  TESSERA_ARG(Tensor, bias) = {};
  TESSERA_ARG(double, eps) = 1e-5;
};
using tessera::group_norm;
inline Tensor group_norm(const Tensor& input, const GroupNormFuncOptions& o) {
  return group_norm(input, o.num_groups(), o.weight(), o.bias(), o.eps());
}

class LayerNormFuncOptions {
 public:
  LayerNormFuncOptions(std::vector<int64_t> normalized_shape) : normalized_shape_(std::move(normalized_shape)) {}  // NOLINT
  TESSERA_ARG(std::vector<int64_t>, normalized_shape);
  TESSERA_ARG(Tensor, weight) = {};
  TESSERA_ARG(Tensor, bias) = {};
  TESSERA_ARG(double, eps) = 1e-5;
};
using tessera::layer_norm;
inline Tensor layer_norm(const Tensor& input, const LayerNormFuncOptions& o) {
  return layer_norm(input, o.normalized_shape(), o.weight(), o.bias(), o.eps());
}

class NormalizeFuncOptions {
 public:
  TESSERA_ARG(double, p) = 2;
  TESSERA_ARG(int64_t, dim) = 1;
  TESSERA_ARG(double, eps) = 1e-12;
};
inline Tensor normalize(const Tensor& input, const NormalizeFuncOptions& o = {}) {
  return tessera::normalize(input, o.p(), o.dim(), o.eps());
}

}  // namespace tessera::nn::functional
