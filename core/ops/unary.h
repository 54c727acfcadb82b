// Elementwise functions of one tensor: out[i] = f(x[i]).
//
// The result has x's shape, memory order and dtype, with two exceptions: functions marked (floating) turn integers into the
// default dtype, predicates give bool. NaN propagates. The gradient is g * f'(x), made of ops, so that it can be differentiated
// again; where f has a kink the value is the one PyTorch takes, given below. Functions whose name ends in `_` write in place
// (rules: core/autograd.h); they throw TypeError where the result's dtype is not x's.
#pragma once

#include <optional>

#include "core/tensor.h"

namespace tessera {

Tensor neg(const Tensor& x);
Tensor abs(const Tensor& x);         // gradient 0 at 0
Tensor sign(const Tensor& x);        // -1, 0 or 1; gradient 0
Tensor square(const Tensor& x);
Tensor sqrt(const Tensor& x);        // (floating)
Tensor rsqrt(const Tensor& x);       // 1 / sqrt(x) (floating)
Tensor reciprocal(const Tensor& x);  // 1 / x (floating)
Tensor exp(const Tensor& x);         // (floating)
Tensor expm1(const Tensor& x);       // exp(x) - 1, exact near 0 (floating)
Tensor log(const Tensor& x);         // (floating)
Tensor log1p(const Tensor& x);       // log(1 + x), exact near 0 (floating)
Tensor sin(const Tensor& x);         // (floating)
Tensor cos(const Tensor& x);         // (floating)
Tensor erf(const Tensor& x);         // 2 / sqrt(pi) * integral of exp(-t^2) from 0 to x (floating)
Tensor floor(const Tensor& x);       // gradient 0, as of ceil and round
Tensor ceil(const Tensor& x);
Tensor round(const Tensor& x);       // halves to even

Tensor tanh(const Tensor& x);        // (floating)
Tensor sigmoid(const Tensor& x);     // 1 / (1 + exp(-x)) (floating)
Tensor relu(const Tensor& x);        // max(x, 0); gradient 0 at 0; saves its output alone
Tensor leaky_relu(const Tensor& x, double negative_slope = 0.01);      // x > 0 ? x : slope x; gradient slope at 0
// scale * (x > 0 ? x : alpha (exp(input_scale x) - 1)); alpha >= 0, input_scale > 0 (floating)
Tensor elu(const Tensor& x, double alpha = 1, double scale = 1, double input_scale = 1);
Tensor gelu(const Tensor& x);                                          // x Phi(x), Phi the normal distribution (floating)
Tensor silu(const Tensor& x);                                          // x sigmoid(x) (floating)
Tensor softplus(const Tensor& x, double beta = 1,
                double threshold = 20);  // log(1 + exp(beta x)) / beta; x above threshold / beta

// min(max(x, min), max): at least one bound, else ValueError; gradient 1 at the bounds. Dtype: result_type of x and the bounds.
Tensor clamp(const Tensor& x, std::optional<Scalar> min, std::optional<Scalar> max = {});
Tensor clamp_min(const Tensor& x, const Scalar& min);
Tensor clamp_max(const Tensor& x, const Scalar& max);
// x^exponent. Dtype: result_type(x, exponent). Integers to negative integer powers throw ValueError.
Tensor pow(const Tensor& x, const Scalar& exponent);

// Dtype: result_type(x, other); div: floating. An integer `other` beyond 2^53 is rounded to a double; use a tensor there.
Tensor add(const Tensor& x, const Scalar& other);
Tensor sub(const Tensor& x, const Scalar& other);
Tensor mul(const Tensor& x, const Scalar& other);
Tensor div(const Tensor& x, const Scalar& other);

// bool, not differentiable.
Tensor isnan(const Tensor& x);
Tensor isinf(const Tensor& x);
Tensor isfinite(const Tensor& x);
Tensor logical_not(const Tensor& x);

const Tensor& neg_(const Tensor& x);
const Tensor& abs_(const Tensor& x);
const Tensor& square_(const Tensor& x);
const Tensor& sqrt_(const Tensor& x);
const Tensor& exp_(const Tensor& x);
const Tensor& log_(const Tensor& x);
const Tensor& tanh_(const Tensor& x);
const Tensor& sigmoid_(const Tensor& x);
const Tensor& relu_(const Tensor& x);
const Tensor& leaky_relu_(const Tensor& x, double negative_slope = 0.01);
const Tensor& elu_(const Tensor& x, double alpha = 1);
const Tensor& silu_(const Tensor& x);
const Tensor& pow_(const Tensor& x, const Scalar& exponent);
const Tensor& clamp_(const Tensor& x, std::optional<Scalar> min, std::optional<Scalar> max = {});
const Tensor& clamp_min_(const Tensor& x, const Scalar& min);
const Tensor& clamp_max_(const Tensor& x, const Scalar& max);
const Tensor& add_(const Tensor& x, const Scalar& other);
const Tensor& sub_(const Tensor& x, const Scalar& other);
const Tensor& mul_(const Tensor& x, const Scalar& other);
const Tensor& div_(const Tensor& x, const Scalar& other);

}  // namespace tessera
