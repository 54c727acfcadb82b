// Reductions over any set of dimensions, variance, index of the extreme, running sums.
//
// A reduction's output has as many dimensions as its input; a dimension whose output size is 1 is reduced ("keepdim" form; the
// op squeezes). The output's type may differ from the input's: the result is converted when it is stored.
//
// Accuracy: float32 and the halves are summed in float64, float64 in blocks, integers and bool in int64. The order of the
// additions depends on shape and strides alone, never on the number of threads.
#pragma once

#include "kernels/view.h"

namespace tessera::kernels {

enum class ReduceOp {
  Sum,
  Mean,  // sum / count; 0 / 0 = NaN for an empty reduction
  Prod,
  Max,  // NaN wins over every number; the count must be positive
  Min,
  All,  // 1 if every element is non-zero (NaN is), else 0
  Any,
  L1,  // sum |x|
  L2,  // sqrt(sum x^2)
};

using Reduce = void(const View& out, const View& in, ReduceOp op);

// variance = sum (x - mean)^2 / max(0, count - correction), in two passes, so that a large mean costs no digits.
// `mean` is of the same keepdim shape; its data may be null when only the variance is wanted. Floating-point types.
using Variance = void(const View& variance, const View& mean, const View& in, double correction);

enum class Extreme { Max, Min };

// indices[..., 0, ...] (int64) = the first position along `dim` of the largest or smallest element, or of the first NaN.
// values = that element, in the input's type; its data may be null when only the index is wanted. Size along dim > 0.
using ArgReduce = void(const View& values, const View& indices, const View& in, int dim, Extreme which);

// out[i] = in[0] + ... + in[i] along `dim`; with `reverse`: in[i] + ... + in[last], which is its gradient.
using Cumsum = void(const View& out, const View& in, int dim, bool reverse);

namespace reference {
Reduce reduce;
Variance variance;
ArgReduce arg_reduce;
Cumsum cumsum;
}  // namespace reference

namespace cpu {
Reduce reduce;
Variance variance;
ArgReduce arg_reduce;
Cumsum cumsum;
}  // namespace cpu

namespace cuda {
Reduce reduce;
Variance variance;
ArgReduce arg_reduce;
Cumsum cumsum;
}  // namespace cuda

}  // namespace tessera::kernels
