#include "nn/functional/activation.h"

#include <cmath>
#include <numbers>

#include "core/autocast.h"
#include "core/ops/binary.h"
#include "core/ops/copy.h"
#include "core/ops/shape.h"
#include "core/ops/where.h"

namespace tessera::nn::functional {
namespace {

Tensor into(const Tensor& x, const Tensor& result, bool inplace) { return inplace ? copy_(x, result) : result; }

}  // namespace

Tensor relu(const Tensor& x, const ReLUFuncOptions& o) { return o.inplace() ? relu_(x) : tessera::relu(x); }
Tensor relu6(const Tensor& x, const ReLU6FuncOptions& o) { return into(x, clamp_max(tessera::relu(x), 6), o.inplace()); }
Tensor leaky_relu(const Tensor& x, const LeakyReLUFuncOptions& o) {
  return o.inplace() ? leaky_relu_(x, o.negative_slope()) : tessera::leaky_relu(x, o.negative_slope());
}

Tensor prelu(const Tensor& input, const Tensor& given_weight) {
  const Tensor x = autocast::lower(input), weight = autocast::lower(given_weight);
  const int64_t channels = x.dim() >= 2 ? x.size(1) : 1;
  check<ShapeError>(weight.numel() == 1 || weight.numel() == channels, "prelu: {} weights for an input of shape {}",
                    weight.numel(), x.sizes());
  DimVector sizes(static_cast<size_t>(std::max<int64_t>(x.dim(), 1)), 1);
  if (x.dim() >= 2) sizes[1] = weight.numel();
  return where(gt(x, 0), x, mul(weight.reshape(sizes), x)).reshape(x.sizes());
}

Tensor elu(const Tensor& x, const ELUFuncOptions& o) { return o.inplace() ? elu_(x, o.alpha()) : tessera::elu(x, o.alpha()); }
Tensor selu(const Tensor& x, const SELUFuncOptions& o) {
  constexpr double alpha = 1.6732632423543772848170429916717, scale = 1.0507009873554804934193349852946;
  return into(x, tessera::elu(x, alpha, scale), o.inplace());
}
Tensor celu(const Tensor& x, const CELUFuncOptions& o) {
  check<ValueError>(o.alpha() > 0, "celu: alpha {} is not positive", o.alpha());
  return into(x, tessera::elu(x, o.alpha(), 1, 1 / o.alpha()), o.inplace());
}
Tensor hardtanh(const Tensor& x, const HardtanhFuncOptions& o) {
  check<ValueError>(o.min_val() <= o.max_val(), "hardtanh: bounds {} and {}", o.min_val(), o.max_val());
  return into(x, clamp(x, o.min_val(), o.max_val()), o.inplace());
}
Tensor threshold(const Tensor& x, const ThresholdFuncOptions& o) {
  return into(x, masked_fill(x, le(x, o.threshold()), o.value()), o.inplace());
}
Tensor hardshrink(const Tensor& x, const HardshrinkFuncOptions& o) { return masked_fill(x, le(abs(x), o.lambda()), 0); }
Tensor softshrink(const Tensor& x, const SoftshrinkFuncOptions& o) {
  check<ValueError>(o.lambda() >= 0, "softshrink: lambda {} is negative", o.lambda());
  return sub(x, clamp(x, -o.lambda(), o.lambda()));
}
Tensor softplus(const Tensor& x, const SoftplusFuncOptions& o) { return tessera::softplus(x, o.beta(), o.threshold()); }
Tensor logsigmoid(const Tensor& x) {
  return neg(tessera::softplus(neg(x), 1, 40));  // above 40 the next term is below the precision of float64
}
Tensor softsign(const Tensor& x) { return div(x, add(abs(x), 1)); }
Tensor tanhshrink(const Tensor& x) { return sub(x, tanh(x)); }
Tensor mish(const Tensor& x) { return mul(x, tanh(tessera::softplus(x))); }

Tensor gelu(const Tensor& x, const GELUFuncOptions& o) {
  if (o.approximate() == "none") return tessera::gelu(x);
  check<ValueError>(o.approximate() == "tanh", "gelu: the approximation \"{}\" is neither none nor tanh", o.approximate());
  const Tensor inner = mul(add(x, mul(pow(x, 3), 0.044715)), std::sqrt(2 / std::numbers::pi));
  return mul(mul(x, 0.5), add(tanh(inner), 1));
}

Tensor glu(const Tensor& x, const GLUFuncOptions& o) {
  const int64_t size = x.size(o.dim());
  check<ShapeError>(size % 2 == 0, "glu: dimension {} of an input of shape {} is odd", o.dim(), x.sizes());
  return mul(narrow(x, o.dim(), 0, size / 2), sigmoid(narrow(x, o.dim(), size / 2, size / 2)));
}

Tensor softmax(const Tensor& x, const SoftmaxFuncOptions& o) { return tessera::softmax(x, o.dim()); }
Tensor softmin(const Tensor& x, const SoftminFuncOptions& o) { return tessera::softmin(x, o.dim()); }
Tensor log_softmax(const Tensor& x, const LogSoftmaxFuncOptions& o) { return tessera::log_softmax(x, o.dim()); }

}  // namespace tessera::nn::functional
