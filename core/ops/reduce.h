// Reductions: sums, means, extremes, norms, variance, running sums, and comparing whole tensors.
//
// `dims` are the dimensions to reduce (negative ones count from the end, none may stand twice); {} reduces all of them. The
// result drops them, or keeps them with size 1 under `keepdim`; its memory order follows x's. Errors: IndexError for a dim out
// of range or a repeated one, TypeError for a dtype that the op does not take, ValueError for an empty reduction that has no
// value. Gradients are made of ops unless said otherwise. Sums of float32 and the halves run in float64 inside.
#pragma once

#include <limits>
#include <optional>
#include <tuple>

#include "core/tensor.h"

namespace tessera {

// Result in `dtype`, else x's if floating, else int64. Gradient: expanded.
Tensor sum(const Tensor& x, IntArrayRef dims = {}, bool keepdim = false, std::optional<ScalarType> dtype = {});
// sum / count; NaN for none. x or dtype must be floating. Gradient: expanded / count.
Tensor mean(const Tensor& x, IntArrayRef dims = {}, bool keepdim = false, std::optional<ScalarType> dtype = {});
// The product; int64 for integers. Its gradients of any order are exact where elements are 0.
Tensor prod(const Tensor& x, IntArrayRef dims = {}, bool keepdim = false);

// The largest and the smallest element; NaN wins. Gradient: in equal parts to all elements that attain it.
Tensor amax(const Tensor& x, IntArrayRef dims = {}, bool keepdim = false);
Tensor amin(const Tensor& x, IntArrayRef dims = {}, bool keepdim = false);
Tensor max(const Tensor& x);
Tensor min(const Tensor& x);
// {values, indices} along one dimension: indices (int64) of the first element that attains the value, or of the first NaN.
// Gradient: to that element alone.
std::tuple<Tensor, Tensor> max(const Tensor& x, int64_t dim, bool keepdim = false);
std::tuple<Tensor, Tensor> min(const Tensor& x, int64_t dim, bool keepdim = false);
// The indices alone; without a dim the place in logical row-major order. int64, not differentiable.
Tensor argmax(const Tensor& x, std::optional<int64_t> dim = {}, bool keepdim = false);
Tensor argmin(const Tensor& x, std::optional<int64_t> dim = {}, bool keepdim = false);

// bool: whether all or any elements are non-zero (NaN is). Not differentiable.
Tensor all(const Tensor& x, IntArrayRef dims = {}, bool keepdim = false);
Tensor any(const Tensor& x, IntArrayRef dims = {}, bool keepdim = false);

// sum (x - mean)^2 / max(0, count - correction); std is its square root. correction = 1, or true: the unbiased estimate;
// 0, or false: that of the population. Floating. The gradient of std is 0 where std is 0.
Tensor var(const Tensor& x, IntArrayRef dims = {}, double correction = 1, bool keepdim = false);
Tensor std(const Tensor& x, IntArrayRef dims = {}, double correction = 1, bool keepdim = false);
// {variance or deviation, mean} in one pass.
std::tuple<Tensor, Tensor> var_mean(const Tensor& x, IntArrayRef dims = {}, double correction = 1, bool keepdim = false);
std::tuple<Tensor, Tensor> std_mean(const Tensor& x, IntArrayRef dims = {}, double correction = 1, bool keepdim = false);
// A lone bool says `unbiased`, of all elements.
template <std::same_as<bool> B> Tensor var(const Tensor& x, B unbiased) { return var(x, IntArrayRef(), unbiased); }
template <std::same_as<bool> B> Tensor std(const Tensor& x, B unbiased) { return std(x, IntArrayRef(), unbiased); }
template <std::same_as<bool> B> std::tuple<Tensor, Tensor> var_mean(const Tensor& x, B unbiased) {
  return var_mean(x, IntArrayRef(), unbiased);
}
template <std::same_as<bool> B> std::tuple<Tensor, Tensor> std_mean(const Tensor& x, B unbiased) {
  return std_mean(x, IntArrayRef(), unbiased);
}

// (sum |x|^p)^(1/p); p = inf, -inf: the largest, smallest |x|; p = 0: the number of non-zero elements. Floating. The gradient
// for p = 1, 2 and inf is 0 where the norm is 0.
Tensor norm(const Tensor& x, double p = 2, IntArrayRef dims = {}, bool keepdim = false);

// log(sum(exp(x))), shifted by the maximum, so that it neither overflows nor underflows; -inf for no or only -inf elements.
// Gradient: g * exp(x - out). Floating.
Tensor logsumexp(const Tensor& x, IntArrayRef dims, bool keepdim = false);

// out[i] = x[0] + ... + x[i] along dim; int64 for integers and bool. Gradient: the same from the other end.
Tensor cumsum(const Tensor& x, int64_t dim);

// Whether the shapes are the same and all elements are equal (NaN equals nothing).
bool equal(const Tensor& a, const Tensor& b);
// Whether all |a - b| <= atol + rtol * |b|, after broadcasting. Infinities are close to themselves alone, NaN to NaN only under
// equal_nan.
bool allclose(const Tensor& a, const Tensor& b, double rtol = 1e-5, double atol = 1e-8, bool equal_nan = false);

}  // namespace tessera
