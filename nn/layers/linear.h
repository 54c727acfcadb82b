// Linear, and layers without parameters that change shape or drop elements.
#pragma once

#include "nn/module_holder.h"
#include "nn/options.h"

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

class IdentityImpl : public Cloneable<IdentityImpl> {
 public:
  void reset() override {}
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
class FlattenImpl : public Cloneable<FlattenImpl> {
 public:
  explicit FlattenImpl(const FlattenOptions& options = {}) : options(options) {}
  void reset() override {}
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input);
  FlattenOptions options;
};
TESSERA_MODULE(Flatten);

class DropoutOptions {
 public:
  DropoutOptions(double p = 0.5) : p_(p) {}  // NOLINT: implicit, as in libtorch
  TESSERA_ARG(double, p);
};

// In training: zero with probability p, the rest times 1 / (1 - p).
class DropoutImpl : public Cloneable<DropoutImpl> {
 public:
  explicit DropoutImpl(const DropoutOptions& options = {});
  void reset() override {}
  void pretty_print(std::ostream& stream) const override;
  Tensor forward(const Tensor& input);
  DropoutOptions options;
};
TESSERA_MODULE(Dropout);

}  // namespace tessera::nn
