// Counting labels: histograms, confusion matrices, one-hot vectors. Labels are int64.
#pragma once

#include "kernels/view.h"

namespace tessera::kernels {

// out[k] = number of elements of `in` equal to k, or the sum of their weights (weights of in's shape; data null: count).
// out: [bins], int64 without weights, float64 with. Every element of `in` lies in [0, bins). Weights are added in an order that
// does not depend on the number of threads.
using Bincount = void(const View& out, const View& in, const View& weights);

// out[t, p] = number of positions with target t and prediction p; out: int64 [C, C], rows are the truth. Positions whose target
// or prediction lies outside [0, C) are left out: that is how void pixels (label 11 of 11, 255) drop out of the metrics.
using ConfusionMatrix = void(const View& out, const View& target, const View& prediction);

// out[..., k] = 1 if in[...] == k, else 0; out: in's shape with a last dimension of C, any type. Labels in [0, C).
using OneHot = void(const View& out, const View& in);

namespace reference {
Bincount bincount;
ConfusionMatrix confusion_matrix;
OneHot one_hot;
}  // namespace reference

namespace cpu {
Bincount bincount;
ConfusionMatrix confusion_matrix;
OneHot one_hot;
}  // namespace cpu

namespace cuda {
Bincount bincount;
ConfusionMatrix confusion_matrix;
OneHot one_hot;
}  // namespace cuda

}  // namespace tessera::kernels
