// Counting labels: histograms, confusion matrices, one-hot vectors. None is differentiable.
#pragma once

#include "core/tensor.h"

namespace tessera {

// out[k] = number of elements equal to k, int64, or the sum of their weights, float64. x: 1-d, integers >= 0, else ValueError;
// weights: of x's shape. out: [max(largest element + 1, minlength)].
Tensor bincount(const Tensor& x, const Tensor& weights = {}, int64_t minlength = 0);

// out[t, p] = number of positions whose truth is t and whose prediction is p; int64 [num_classes, num_classes]. Positions with
// either label outside [0, num_classes) are ignored: void pixels. Integers of one shape, any number of dimensions.
Tensor confusion_matrix(const Tensor& target, const Tensor& prediction, int64_t num_classes);

// out[..., k] = 1 where x is k, else 0; int64 [..., num_classes]. num_classes = -1: the largest label + 1. A label outside
// [0, num_classes) throws ValueError.
Tensor one_hot(const Tensor& x, int64_t num_classes = -1);

}  // namespace tessera
