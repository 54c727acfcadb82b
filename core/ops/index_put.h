// Reading and writing at the places that several index tensors name together: what x.index({...}) and x.index_put_({...}) are
// made of (core/indexing.h).
//
// `indices` has one entry per dimension of x from the first on, fewer leave the rest whole; an undefined entry leaves its dimension
// whole, a mask (bool or uint8) covers as many dimensions as it has. Integers count from the end where negative and throw IndexError
// where out of range; the others throw TypeError. Index tensors broadcast together, else ShapeError.
// Source: NumPy's advanced indexing, as in PyTorch.
#pragma once

#include "core/tensor.h"

namespace tessera {

// out[..., B, ...] = x[..., indices, ...] with B the broadcast shape of the index tensors, in the place of the dimensions that they
// index if those are neighbours, else in front. Differentiable any number of times.
Tensor index(const Tensor& x, const TensorList& indices);

// A copy of x with `values`, broadcast to the shape of index(x, indices) and converted to x's dtype, at those places; where several
// fall on one place the last one stays, or with `accumulate` all are added. Gradients: 0 at those places for x (the identity under
// accumulate), index for the values. Throws ShapeError if the values do not broadcast.
Tensor index_put(const Tensor& x, const TensorList& indices, const Tensor& values, bool accumulate = false);
// The same in place (core/autograd.h).
const Tensor& index_put_(const Tensor& x, const TensorList& indices, const Tensor& values, bool accumulate = false);

// int64 [count, ndim]: the positions of x's non-zero elements in row-major order. Not differentiable.
Tensor nonzero(const Tensor& x);
// 1-d: the elements of x where the mask is true, in row-major order; the two broadcast. Gradient: back to those places.
Tensor masked_select(const Tensor& x, const Tensor& mask);

}  // namespace tessera
