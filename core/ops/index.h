// Reading and adding by index along one dimension, and reversing dimensions.
//
// Indices are int64 in [0, size of the dimension), else IndexError. Where several sources fall on one element they are added in
// a fixed order: the results repeat bit by bit. All gradients are made of ops.
#pragma once

#include "core/tensor.h"

namespace tessera {

// out[..., i, ...] = x[..., index[..., i, ...], ...] along dim; out has index's shape, which has x's number of dimensions and is
// no larger than x in the others. Gradient: scatter_add.
Tensor gather(const Tensor& x, int64_t dim, const Tensor& index);
// A copy of x with src[..., i, ...] added at [..., index[..., i, ...], ...] for each position of index; src is of x's dtype and
// at least as large as index. Gradients: the identity for x, gather for src.
Tensor scatter_add(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& src);
// out[..., k, ...] = x[..., index[k], ...]; index is 1-d. Gradient: index_add.
Tensor index_select(const Tensor& x, int64_t dim, const Tensor& index);
// A copy of x with source[..., k, ...] added at [..., index[k], ...]. Gradients: the identity for x, index_select for source.
Tensor index_add(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source);
// The order of elements reversed in each of `dims`. Gradient: flip.
Tensor flip(const Tensor& x, IntArrayRef dims);

}  // namespace tessera
