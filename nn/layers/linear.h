// Linear, and layers without parameters that change shape, drop elements or compare vectors.
#pragma once

#include "nn/layers/layer.h"

namespace tessera::nn {

class LinearOptions {
 public:
  LinearOptions(int64_t in_features, int64_t out_features) : in_features_(in_features), out_features_(out_features) {}
  TESSERA_ARG(int64_t, in_features);
  TESSERA_ARG(int64_t, out_features);
  TESSERA_ARG(bool, bias) = true;
};

// y = x weight^T + bias. weight [out, in] and bias [out], uniform in +-1 / sqrt(in) (kaiming_uniform, a = sqrt 5).
class LinearImpl : public Cloneable<LinearImpl> {
 public:
  LinearImpl(int64_t in_features, int64_t out_features) : LinearImpl(LinearOptions(in_features, out_features)) {}
  explicit LinearImpl(const LinearOptions& options);
  void reset() override;
  void reset_parameters();
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input);  // [..., in] -> [..., out]

  LinearOptions options;
  Tensor weight, bias;
};
TESSERA_MODULE(Linear);

class IdentityImpl : public PlainLayer<IdentityImpl> {
 public:
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input) { return input; }
};
TESSERA_MODULE(Identity);

class FlattenOptions {
 public:
  TESSERA_ARG(int64_t, start_dim) = 1;
  TESSERA_ARG(int64_t, end_dim) = -1;
};

// Dimensions start_dim..end_dim (both included) become one.
class FlattenImpl : public OptionsLayer<FlattenImpl, FlattenOptions> {
 public:
  using OptionsLayer::OptionsLayer;
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input);
};
TESSERA_MODULE(Flatten);

// Dimension `dim` becomes dimensions of these sizes, of which one may be -1.
class UnflattenOptions {
 public:
  UnflattenOptions(int64_t dim, std::vector<int64_t> sizes) : dim_(dim), sizes_(std::move(sizes)) {}
  TESSERA_ARG(int64_t, dim);
  TESSERA_ARG(std::vector<int64_t>, sizes);
};

class UnflattenImpl : public OptionsLayer<UnflattenImpl, UnflattenOptions> {
 public:
  using OptionsLayer::OptionsLayer;
  UnflattenImpl(int64_t dim, std::vector<int64_t> sizes) : OptionsLayer(UnflattenOptions(dim, std::move(sizes))) {}
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input);
};
TESSERA_MODULE(Unflatten);

class DropoutOptions {
 public:
  DropoutOptions(double p = 0.5) : p_(p) {}  // NOLINT: implicit, as in libtorch
  TESSERA_ARG(double, p);
  TESSERA_ARG(bool, inplace) = false;  // writes the result into the input
};
using Dropout2dOptions = DropoutOptions;

// In training: zero with probability p (in [0, 1], else ValueError), the rest times 1 / (1 - p).
class DropoutImpl : public OptionsLayer<DropoutImpl, DropoutOptions> {
 public:
  explicit DropoutImpl(const DropoutOptions& options = {});
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input);
};
TESSERA_MODULE(Dropout);

// The same for whole channels: all of x[n, c, ...] are zeroed or none (Tompson et al., 2015).
class Dropout2dImpl : public OptionsLayer<Dropout2dImpl, Dropout2dOptions> {
 public:
  explicit Dropout2dImpl(const Dropout2dOptions& options = {});
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input);
};
TESSERA_MODULE(Dropout2d);

class CosineSimilarityOptions {
 public:
  TESSERA_ARG(int64_t, dim) = 1;
  TESSERA_ARG(double, eps) = 1e-8;
};

// core/ops/similarity.h
class CosineSimilarityImpl : public OptionsLayer<CosineSimilarityImpl, CosineSimilarityOptions> {
 public:
  using OptionsLayer::OptionsLayer;
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& x1, const Tensor& x2);
};
TESSERA_MODULE(CosineSimilarity);

class PairwiseDistanceOptions {
 public:
  TESSERA_ARG(double, p) = 2;
  TESSERA_ARG(double, eps) = 1e-6;
  TESSERA_ARG(bool, keepdim) = false;
};

// The p-norm of x1 - x2 + eps over the last dimension.
class PairwiseDistanceImpl : public OptionsLayer<PairwiseDistanceImpl, PairwiseDistanceOptions> {
 public:
  using OptionsLayer::OptionsLayer;
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& x1, const Tensor& x2);
};
TESSERA_MODULE(PairwiseDistance);
}  // namespace tessera::nn
