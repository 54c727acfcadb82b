// Tensor's arithmetic methods: each forwards to the function of the same name in core/ops/.
#include "core/ops/binary.h"
#include "core/ops/unary.h"
#include "core/tensor.h"

namespace tessera {

Tensor Tensor::neg() const { return tessera::neg(*this); }
Tensor Tensor::abs() const { return tessera::abs(*this); }
Tensor Tensor::square() const { return tessera::square(*this); }
Tensor Tensor::sqrt() const { return tessera::sqrt(*this); }
Tensor Tensor::rsqrt() const { return tessera::rsqrt(*this); }
Tensor Tensor::reciprocal() const { return tessera::reciprocal(*this); }
Tensor Tensor::exp() const { return tessera::exp(*this); }
Tensor Tensor::log() const { return tessera::log(*this); }
Tensor Tensor::log1p() const { return tessera::log1p(*this); }
Tensor Tensor::sin() const { return tessera::sin(*this); }
Tensor Tensor::cos() const { return tessera::cos(*this); }
Tensor Tensor::tanh() const { return tessera::tanh(*this); }
Tensor Tensor::sigmoid() const { return tessera::sigmoid(*this); }
Tensor Tensor::relu() const { return tessera::relu(*this); }
Tensor Tensor::sign() const { return tessera::sign(*this); }
Tensor Tensor::isnan() const { return tessera::isnan(*this); }
Tensor Tensor::isfinite() const { return tessera::isfinite(*this); }
Tensor Tensor::logical_not() const { return tessera::logical_not(*this); }
Tensor Tensor::pow(const Scalar& exponent) const { return tessera::pow(*this, exponent); }
Tensor Tensor::clamp(std::optional<Scalar> min, std::optional<Scalar> max) const { return tessera::clamp(*this, min, max); }

Tensor Tensor::add(const Tensor& other, const Scalar& alpha) const { return tessera::add(*this, other, alpha); }
Tensor Tensor::sub(const Tensor& other, const Scalar& alpha) const { return tessera::sub(*this, other, alpha); }
Tensor Tensor::mul(const Tensor& other) const { return tessera::mul(*this, other); }
Tensor Tensor::div(const Tensor& other) const { return tessera::div(*this, other); }
Tensor Tensor::add(const Scalar& other) const { return tessera::add(*this, other); }
Tensor Tensor::sub(const Scalar& other) const { return tessera::sub(*this, other); }
Tensor Tensor::mul(const Scalar& other) const { return tessera::mul(*this, other); }
Tensor Tensor::div(const Scalar& other) const { return tessera::div(*this, other); }
Tensor Tensor::eq(const Tensor& other) const { return tessera::eq(*this, other); }
Tensor Tensor::ne(const Tensor& other) const { return tessera::ne(*this, other); }
Tensor Tensor::lt(const Tensor& other) const { return tessera::lt(*this, other); }
Tensor Tensor::le(const Tensor& other) const { return tessera::le(*this, other); }
Tensor Tensor::gt(const Tensor& other) const { return tessera::gt(*this, other); }
Tensor Tensor::ge(const Tensor& other) const { return tessera::ge(*this, other); }

const Tensor& Tensor::add_(const Tensor& other, const Scalar& alpha) const { return tessera::add_(*this, other, alpha); }
const Tensor& Tensor::sub_(const Tensor& other, const Scalar& alpha) const { return tessera::sub_(*this, other, alpha); }
const Tensor& Tensor::mul_(const Tensor& other) const { return tessera::mul_(*this, other); }
const Tensor& Tensor::div_(const Tensor& other) const { return tessera::div_(*this, other); }
const Tensor& Tensor::add_(const Scalar& other) const { return tessera::add_(*this, other); }
const Tensor& Tensor::sub_(const Scalar& other) const { return tessera::sub_(*this, other); }
const Tensor& Tensor::mul_(const Scalar& other) const { return tessera::mul_(*this, other); }
const Tensor& Tensor::div_(const Scalar& other) const { return tessera::div_(*this, other); }
const Tensor& Tensor::relu_() const { return tessera::relu_(*this); }
const Tensor& Tensor::clamp_(std::optional<Scalar> min, std::optional<Scalar> max) const { return tessera::clamp_(*this, min, max); }

}  // namespace tessera
