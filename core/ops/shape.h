// Shapes: views of the same memory under other sizes and strides. None copies, except where said.
//
// Every function takes negative dims, counted from the end; a dim out of range throws IndexError.
#pragma once

#include "core/tensor.h"

namespace tessera {

// The same tensor under another handle, a view like any other.
Tensor alias(const Tensor& x);
// The same elements in logical row-major order under another shape; one size may be -1. Throws ShapeError if memory order does
// not allow a view.
Tensor view(const Tensor& x, IntArrayRef shape);
// The same, but copies where a view is not possible.
Tensor reshape(const Tensor& x, IntArrayRef shape);
// Dimensions start_dim..end_dim (both included) become one.
Tensor flatten(const Tensor& x, int64_t start_dim = 0, int64_t end_dim = -1);
// out.size(i) = x.size(dims[i])
Tensor permute(const Tensor& x, IntArrayRef dims);
Tensor transpose(const Tensor& x, int64_t dim0, int64_t dim1);
Tensor t(const Tensor& x);  // a matrix transposed; 0-d and 1-d tensors as they are
// Repeats dimensions of size 1 (stride 0) and adds leading ones; -1 keeps a size. Gradient: the sum over what was repeated.
Tensor expand(const Tensor& x, IntArrayRef sizes);
Tensor squeeze(const Tensor& x);               // drops all dimensions of size 1
Tensor squeeze(const Tensor& x, int64_t dim);  // drops `dim` if its size is 1
Tensor unsqueeze(const Tensor& x, int64_t dim);
// x[..., index, ...] without the dimension `dim`.
Tensor select(const Tensor& x, int64_t dim, int64_t index);
// x[..., start:end:step, ...]: Python's rules for negative and too large ends; step > 0.
Tensor slice(const Tensor& x, int64_t dim, std::optional<int64_t> start = {}, std::optional<int64_t> end = {}, int64_t step = 1);
Tensor narrow(const Tensor& x, int64_t dim, int64_t start, int64_t length);
// Views of at most `split_size` along dim, the last one smaller if need be; `chunks` views of nearly equal size.
TensorList split(const Tensor& x, int64_t split_size, int64_t dim = 0);
TensorList chunk(const Tensor& x, int64_t chunks, int64_t dim = 0);

// Sums x over the dimensions that broadcasting from `sizes` to x's shape would repeat: the gradient of expand. A copy, or x
// itself if nothing is to be summed.
Tensor sum_to(const Tensor& x, IntArrayRef sizes);

}  // namespace tessera
