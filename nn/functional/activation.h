// nn::functional: elementwise activations and their kind, with option structs. Those that need no options are ops under their own
// names (core/ops/unary.h, core/ops/softmax.h).
//
// The result has the input's shape and dtype (glu: half of one dimension). Made of ops: differentiable twice, except where the op
// itself is not. `inplace` writes the result into the input, which must then not be needed for a gradient any more; only relu,
// leaky_relu and elu can be differentiated through it.
#pragma once

#include <string>

#include "core/ops/softmax.h"
#include "core/ops/unary.h"
#include "nn/options.h"

namespace tessera::nn {

class ReLUOptions {
 public:
  ReLUOptions(bool inplace = false) : inplace_(inplace) {}  // NOLINT: implicit, as in libtorch; so are those below
  TESSERA_ARG(bool, inplace);
};
using ReLU6Options = ReLUOptions;
using SELUOptions = ReLUOptions;
class LeakyReLUOptions {
 public:
  TESSERA_ARG(double, negative_slope) = 0.01;
  TESSERA_ARG(bool, inplace) = false;
};
class ELUOptions {
 public:
  TESSERA_ARG(double, alpha) = 1;
  TESSERA_ARG(bool, inplace) = false;
};
using CELUOptions = ELUOptions;
class HardtanhOptions {
 public:
  TESSERA_ARG(double, min_val) = -1;
  TESSERA_ARG(double, max_val) = 1;
  TESSERA_ARG(bool, inplace) = false;
};
class ThresholdOptions {
 public:
  ThresholdOptions(double threshold, double value) : threshold_(threshold), value_(value) {}
  TESSERA_ARG(double, threshold);
  TESSERA_ARG(double, value);
  TESSERA_ARG(bool, inplace) = false;
};
class ShrinkOptions {
 public:
  ShrinkOptions(double lambda = 0.5) : lambda_(lambda) {}  // NOLINT
  TESSERA_ARG(double, lambda);
};
using HardshrinkOptions = ShrinkOptions;
using SoftshrinkOptions = ShrinkOptions;
class SoftplusOptions {
 public:
  TESSERA_ARG(double, beta) = 1;
  TESSERA_ARG(double, threshold) = 20;
};
class GELUOptions {
 public:
  TESSERA_ARG(std::string, approximate) = "none";  // or "tanh"
};
class GLUOptions {
 public:
  GLUOptions(int64_t dim = -1) : dim_(dim) {}  // NOLINT
  TESSERA_ARG(int64_t, dim);
};
class SoftmaxOptions {
 public:
  SoftmaxOptions(int64_t dim) : dim_(dim) {}  // NOLINT
  TESSERA_ARG(int64_t, dim);
};
using SoftminOptions = SoftmaxOptions;
using LogSoftmaxOptions = SoftmaxOptions;

namespace functional {

using ReLUFuncOptions = ReLUOptions;
using ReLU6FuncOptions = ReLU6Options;
using SELUFuncOptions = SELUOptions;
using LeakyReLUFuncOptions = LeakyReLUOptions;
using ELUFuncOptions = ELUOptions;
using CELUFuncOptions = CELUOptions;
using HardtanhFuncOptions = HardtanhOptions;
using ThresholdFuncOptions = ThresholdOptions;
using HardshrinkFuncOptions = HardshrinkOptions;
using SoftshrinkFuncOptions = SoftshrinkOptions;
using SoftplusFuncOptions = SoftplusOptions;
using GELUFuncOptions = GELUOptions;
using GLUFuncOptions = GLUOptions;
using SoftmaxFuncOptions = SoftmaxOptions;
using SoftminFuncOptions = SoftminOptions;
using LogSoftmaxFuncOptions = LogSoftmaxOptions;

Tensor relu(const Tensor& x, const ReLUFuncOptions& o = {});
Tensor relu6(const Tensor& x, const ReLU6FuncOptions& o = {});  // min(max(x, 0), 6)
Tensor leaky_relu(const Tensor& x, const LeakyReLUFuncOptions& o = {});
Tensor prelu(const Tensor& x, const Tensor& weight);  // x > 0 ? x : w x; one weight, or one a channel (dim 1)
Tensor elu(const Tensor& x, const ELUFuncOptions& o = {});
Tensor selu(const Tensor& x, const SELUFuncOptions& o = {});          // s (x > 0 ? x : a (exp(x) - 1)), Klambauer et al., 2017
Tensor celu(const Tensor& x, const CELUFuncOptions& o = {});          // x > 0 ? x : alpha (exp(x / alpha) - 1); alpha > 0
Tensor hardtanh(const Tensor& x, const HardtanhFuncOptions& o = {});  // min(max(x, min_val), max_val); gradient 1 at the bounds
Tensor threshold(const Tensor& x, const ThresholdFuncOptions& o);     // x > threshold ? x : value
Tensor hardshrink(const Tensor& x, const HardshrinkFuncOptions& o = {});  // |x| > lambda ? x : 0
Tensor softshrink(const Tensor& x, const SoftshrinkFuncOptions& o = {});  // sign(x) max(|x| - lambda, 0); lambda >= 0
Tensor softplus(const Tensor& x, const SoftplusFuncOptions& o = {});
Tensor logsigmoid(const Tensor& x);  // log(sigmoid(x)), without overflow
Tensor softsign(const Tensor& x);    // x / (1 + |x|)
Tensor tanhshrink(const Tensor& x);  // x - tanh(x)
Tensor mish(const Tensor& x);        // x tanh(softplus(x)), Misra, 2019
// "none": x Phi(x); "tanh": x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) (Hendrycks & Gimpel, 2016). Others: ValueError.
Tensor gelu(const Tensor& x, const GELUFuncOptions& o = {});
Tensor glu(const Tensor& x, const GLUFuncOptions& o = {});  // a sigmoid(b), x = [a, b] along dim, which is even
Tensor softmax(const Tensor& x, const SoftmaxFuncOptions& o);
Tensor softmin(const Tensor& x, const SoftminFuncOptions& o);
Tensor log_softmax(const Tensor& x, const LogSoftmaxFuncOptions& o);
using tessera::sigmoid;
using tessera::silu;
using tessera::tanh;

}  // namespace functional
}  // namespace tessera::nn
