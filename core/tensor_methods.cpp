// The methods of Tensor that do what a function of the same name does.
#include "core/ops.h"

namespace tessera {

using Bound = std::optional<Scalar>;

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
Tensor Tensor::clamp(Bound min, Bound max) const { return tessera::clamp(*this, min, max); }

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
const Tensor& Tensor::clamp_(Bound min, Bound max) const { return tessera::clamp_(*this, min, max); }

Tensor Tensor::sum() const { return tessera::sum(*this); }
Tensor Tensor::mean() const { return tessera::mean(*this); }
Tensor Tensor::max() const { return tessera::max(*this); }
Tensor Tensor::min() const { return tessera::min(*this); }
Tensor Tensor::argmax() const { return tessera::argmax(*this); }
Tensor Tensor::argmin() const { return tessera::argmin(*this); }
Tensor Tensor::all() const { return tessera::all(*this); }
Tensor Tensor::any() const { return tessera::any(*this); }
Tensor Tensor::sum(IntArrayRef dims, bool keepdim) const { return tessera::sum(*this, dims, keepdim); }
Tensor Tensor::mean(IntArrayRef dims, bool keepdim) const { return tessera::mean(*this, dims, keepdim); }
Tensor Tensor::amax(IntArrayRef dims, bool keepdim) const { return tessera::amax(*this, dims, keepdim); }
Tensor Tensor::amin(IntArrayRef dims, bool keepdim) const { return tessera::amin(*this, dims, keepdim); }
Tensor Tensor::argmax(int64_t dim, bool keepdim) const { return tessera::argmax(*this, dim, keepdim); }
Tensor Tensor::argmin(int64_t dim, bool keepdim) const { return tessera::argmin(*this, dim, keepdim); }
Tensor Tensor::var(IntArrayRef dims, bool unbiased, bool keepdim) const { return tessera::var(*this, dims, unbiased, keepdim); }
Tensor Tensor::std(IntArrayRef dims, bool unbiased, bool keepdim) const { return tessera::std(*this, dims, unbiased, keepdim); }
Tensor Tensor::matmul(const Tensor& other) const { return tessera::matmul(*this, other); }
Tensor Tensor::mm(const Tensor& other) const { return tessera::mm(*this, other); }
Tensor Tensor::softmax(int64_t dim) const { return tessera::softmax(*this, dim); }
Tensor Tensor::log_softmax(int64_t dim) const { return tessera::log_softmax(*this, dim); }

}  // namespace tessera
