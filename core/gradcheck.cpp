#include "core/gradcheck.h"

#include <cmath>

#include "core/autograd.h"
#include "core/ops/binary.h"
#include "core/ops/concat.h"
#include "core/ops/creation.h"
#include "core/ops/random.h"
#include "core/ops/reduce.h"

namespace tessera {
namespace {

// dot(cotangent, out), summed in order, so that both sides of a difference round alike.
double weighted_sum(const Tensor& out, const Tensor& cotangent) {
  NoGradGuard no_grad;
  return sum(mul(out, cotangent)).item<double>();
}

double& element(const Tensor& x, int64_t i) {
  int64_t at = 0;
  for (int64_t d = x.dim() - 1; d >= 0; --d) {
    at += i % x.size(d) * x.stride(d);
    i /= x.size(d);
  }
  return static_cast<double*>(x.data_ptr())[at];
}

Tensor numeric_gradient(const std::function<Tensor(const TensorList&)>& function, const TensorList& inputs, const Tensor& input,
                        const Tensor& cotangent, double eps) {
  Tensor gradient = empty(input.sizes(), kFloat64);
  for (int64_t i = 0; i < input.numel(); ++i) {
    double& x = element(input, i);
    const double original = x;
    x = original + eps;
    const double above = weighted_sum(function(inputs), cotangent);
    x = original - eps;
    const double below = weighted_sum(function(inputs), cotangent);
    x = original;
    gradient.data_ptr<double>()[i] = (above - below) / (2 * eps);
  }
  return gradient;
}

void compare(const Tensor& numeric, const Tensor& analytic, size_t input, const GradcheckOptions& options) {
  double scale = 0;
  for (int64_t i = 0; i < numeric.numel(); ++i) scale = std::max(scale, std::abs(element(numeric, i)));
  const double tolerance = options.atol + options.rtol * scale;
  int64_t worst = -1;
  double worst_error = -1;
  for (int64_t i = 0; i < numeric.numel(); ++i) {
    const double error = std::abs(element(numeric, i) - element(analytic, i));
    if (error <= worst_error) continue;
    worst = i;
    worst_error = error;
    if (!(error <= tolerance)) break;  // a NaN too
  }
  check<AutogradError>(worst < 0 || worst_error <= tolerance,
                       "gradcheck: input {} of shape {}, element {}: backward gives {}, finite differences give {} (error {}, "
                       "tolerance {})",
                       input, numeric.sizes(), worst, element(analytic, std::max<int64_t>(worst, 0)),
                       element(numeric, std::max<int64_t>(worst, 0)), worst_error, tolerance);
}

}  // namespace

void gradcheck(const std::function<Tensor(const TensorList&)>& function, const TensorList& inputs,
               const GradcheckOptions& options) {
  TensorList wanted;
  for (const Tensor& input : inputs) {
    if (!input.requires_grad()) continue;
    check<TypeError>(input.dtype() == kFloat64, "gradcheck: inputs must be float64, one is {}", input.dtype());
    wanted.push_back(input);
  }
  check<AutogradError>(!wanted.empty(), "gradcheck: no input requires a gradient");
  const Tensor out = function(inputs);
  Generator generator(options.seed);
  const Tensor cotangent = randn(out.sizes(), generator, kFloat64);
  variable_list analytic = autograd::grad({out}, wanted, {cotangent}, {}, false, /*allow_unused=*/true);
  for (size_t i = 0; i < wanted.size(); ++i)
    if (!analytic[i].defined()) analytic[i] = zeros(wanted[i].sizes(), kFloat64);  // no path: finite differences must agree
  NoGradGuard no_grad;
  for (size_t i = 0; i < wanted.size(); ++i) {
    const Tensor numeric = numeric_gradient(function, inputs, wanted[i], cotangent, options.eps);
    compare(numeric, analytic[i], i, options);
  }
}

void gradgradcheck(const std::function<Tensor(const TensorList&)>& function, const TensorList& inputs,
                   const GradcheckOptions& options) {
  const Tensor out = function(inputs);
  Generator generator(options.seed + 1);
  TensorList all = inputs;
  all.push_back(rand(out.sizes(), generator, kFloat64).requires_grad_());
  gradcheck(
      [&](const TensorList& x) {
        AutoGradMode record(true);  // gradcheck evaluates its differences without a graph
        const TensorList primal(x.begin(), x.end() - 1);
        TensorList wanted;
        for (const Tensor& input : primal)
          if (input.requires_grad()) wanted.push_back(input);
        TensorList flat;
        const variable_list grads = autograd::grad({function(primal)}, wanted, {x.back()}, true, true, /*allow_unused=*/true);
        for (size_t i = 0; i < grads.size(); ++i)
          flat.push_back(grads[i].defined() ? grads[i].reshape({-1}) : zeros({wanted[i].numel()}, kFloat64));
        return cat(flat);
      },
      all, options);
}

}  // namespace tessera
