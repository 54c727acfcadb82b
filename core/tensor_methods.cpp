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

Tensor Tensor::expm1() const { return tessera::expm1(*this); }
Tensor Tensor::erf() const { return tessera::erf(*this); }
Tensor Tensor::floor() const { return tessera::floor(*this); }
Tensor Tensor::ceil() const { return tessera::ceil(*this); }
Tensor Tensor::round() const { return tessera::round(*this); }
Tensor Tensor::isinf() const { return tessera::isinf(*this); }
Tensor Tensor::pow(const Tensor& exponent) const { return tessera::pow(*this, exponent); }
Tensor Tensor::clamp_min(const Scalar& min) const { return tessera::clamp_min(*this, min); }
Tensor Tensor::clamp_max(const Scalar& max) const { return tessera::clamp_max(*this, max); }
Tensor Tensor::maximum(const Tensor& other) const { return tessera::maximum(*this, other); }
Tensor Tensor::minimum(const Tensor& other) const { return tessera::minimum(*this, other); }
Tensor Tensor::eq(const Scalar& other) const { return tessera::eq(*this, other); }
Tensor Tensor::ne(const Scalar& other) const { return tessera::ne(*this, other); }
Tensor Tensor::lt(const Scalar& other) const { return tessera::lt(*this, other); }
Tensor Tensor::le(const Scalar& other) const { return tessera::le(*this, other); }
Tensor Tensor::gt(const Scalar& other) const { return tessera::gt(*this, other); }
Tensor Tensor::ge(const Scalar& other) const { return tessera::ge(*this, other); }
Tensor Tensor::logical_and(const Tensor& other) const { return tessera::logical_and(*this, other); }
Tensor Tensor::logical_or(const Tensor& other) const { return tessera::logical_or(*this, other); }
Tensor Tensor::logical_xor(const Tensor& other) const { return tessera::logical_xor(*this, other); }

const Tensor& Tensor::neg_() const { return tessera::neg_(*this); }
const Tensor& Tensor::abs_() const { return tessera::abs_(*this); }
const Tensor& Tensor::square_() const { return tessera::square_(*this); }
const Tensor& Tensor::sqrt_() const { return tessera::sqrt_(*this); }
const Tensor& Tensor::exp_() const { return tessera::exp_(*this); }
const Tensor& Tensor::log_() const { return tessera::log_(*this); }
const Tensor& Tensor::tanh_() const { return tessera::tanh_(*this); }
const Tensor& Tensor::sigmoid_() const { return tessera::sigmoid_(*this); }
const Tensor& Tensor::pow_(const Scalar& exponent) const { return tessera::pow_(*this, exponent); }
const Tensor& Tensor::clamp_min_(const Scalar& min) const { return tessera::clamp_min_(*this, min); }
const Tensor& Tensor::clamp_max_(const Scalar& max) const { return tessera::clamp_max_(*this, max); }
const Tensor& Tensor::masked_fill_(const Tensor& mask, const Scalar& value) const {
  return tessera::masked_fill_(*this, mask, value);
}

Tensor Tensor::index_select(int64_t dim, const Tensor& index) const { return tessera::index_select(*this, dim, index); }
Tensor Tensor::gather(int64_t dim, const Tensor& index) const { return tessera::gather(*this, dim, index); }
Tensor Tensor::scatter_add(int64_t dim, const Tensor& index, const Tensor& src) const {
  return tessera::scatter_add(*this, dim, index, src);
}
Tensor Tensor::index_add(int64_t dim, const Tensor& index, const Tensor& source) const {
  return tessera::index_add(*this, dim, index, source);
}
Tensor Tensor::flip(IntArrayRef dims) const { return tessera::flip(*this, dims); }
Tensor Tensor::masked_fill(const Tensor& mask, const Scalar& value) const { return tessera::masked_fill(*this, mask, value); }
Tensor Tensor::where(const Tensor& condition, const Tensor& other) const { return tessera::where(condition, *this, other); }

Tensor Tensor::prod() const { return tessera::prod(*this); }
Tensor Tensor::var() const { return tessera::var(*this); }
Tensor Tensor::std() const { return tessera::std(*this); }
Tensor Tensor::sum(ScalarType dtype) const { return tessera::sum(*this, {}, false, dtype); }
Tensor Tensor::mean(ScalarType dtype) const { return tessera::mean(*this, {}, false, dtype); }
Tensor Tensor::prod(IntArrayRef dims, bool keepdim) const { return tessera::prod(*this, dims, keepdim); }
Tensor Tensor::all(IntArrayRef dims, bool keepdim) const { return tessera::all(*this, dims, keepdim); }
Tensor Tensor::any(IntArrayRef dims, bool keepdim) const { return tessera::any(*this, dims, keepdim); }
Tensor Tensor::logsumexp(IntArrayRef dims, bool keepdim) const { return tessera::logsumexp(*this, dims, keepdim); }
std::tuple<Tensor, Tensor> Tensor::max(int64_t dim, bool keepdim) const { return tessera::max(*this, dim, keepdim); }
std::tuple<Tensor, Tensor> Tensor::min(int64_t dim, bool keepdim) const { return tessera::min(*this, dim, keepdim); }
Tensor Tensor::norm(double p) const { return tessera::norm(*this, p); }
Tensor Tensor::norm(double p, IntArrayRef dims, bool keepdim) const { return tessera::norm(*this, p, dims, keepdim); }
Tensor Tensor::cumsum(int64_t dim) const { return tessera::cumsum(*this, dim); }
bool Tensor::equal(const Tensor& other) const { return tessera::equal(*this, other); }
bool Tensor::allclose(const Tensor& other, double rtol, double atol, bool equal_nan) const {
  return tessera::allclose(*this, other, rtol, atol, equal_nan);
}
Tensor Tensor::bmm(const Tensor& other) const { return tessera::bmm(*this, other); }
Tensor Tensor::dot(const Tensor& other) const { return tessera::dot(*this, other); }
Tensor Tensor::addmm(const Tensor& a, const Tensor& b, const Scalar& beta, const Scalar& alpha) const {
  return tessera::addmm(*this, a, b, beta, alpha);
}

}  // namespace tessera
