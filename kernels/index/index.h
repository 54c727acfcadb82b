// Reading and adding by index along one dimension.
//
// The indices are int64 and lie in [0, size of the indexed dimension): the op has checked them. Data is of any
// type, the same on both sides. Where several sources fall on one element they are added in rising order of their position, by
// one thread, in float64 (float32 and halves), so the result does not depend on the number of threads.
#pragma once

#include "kernels/view.h"

namespace tessera::kernels {

// out[..., i, ...] = in[..., index[..., i, ...], ...] along `dim`. out has index's shape; index may be smaller than `in` in the
// other dimensions.
using Gather = void(const View& out, const View& in, const View& index, int dim);

// out[..., index[..., i, ...], ...] += src[..., i, ...] for every position of index: the gradient of gather.
using ScatterAdd = void(const View& out, const View& index, const View& src, int dim);

// out[..., k, ...] = in[..., index[k], ...]; index is one-dimensional.
using IndexSelect = void(const View& out, const View& in, const View& index, int dim);

// out[..., index[k], ...] = src[..., k, ...]; where several fall on one element, the last one stays.
using IndexCopy = void(const View& out, const View& index, const View& src, int dim);

// out[..., index[k], ...] += src[..., k, ...]: the gradient of index_select.
using IndexAdd = void(const View& out, const View& index, const View& src, int dim);

namespace reference {
Gather gather;
ScatterAdd scatter_add_acc;
IndexSelect index_select;
IndexCopy index_copy;
IndexAdd index_add_acc;
}  // namespace reference

namespace cpu {
Gather gather;
ScatterAdd scatter_add_acc;
IndexSelect index_select;
IndexAdd index_add_acc;
}  // namespace cpu

namespace cuda {
Gather gather;
ScatterAdd scatter_add_acc;
IndexSelect index_select;
IndexCopy index_copy;
IndexAdd index_add_acc;
}  // namespace cuda

}  // namespace tessera::kernels
