// Some dimensions of several views as few axes: innermost first, neighbours merged. For .cu files.
#pragma once

#include <algorithm>
#include <array>
#include <cstdlib>
#include <initializer_list>

#include "kernels/cuda/index.h"

namespace tessera::kernels::cuda {

// The axes that the dimensions `dims` (given innermost first) of K views have in common: dimensions of size 1 left out, and two made
// one where they lie without a gap in every view. There is always one axis, of size 1 if nothing is left.
template <size_t K> struct MergedAxes {
  int count = 0;
  std::array<int64_t, kMaxDims> sizes{};
  std::array<std::array<int64_t, kMaxDims>, K> strides{};

  MergedAxes(const std::array<const View*, K>& views, const int* dims, int dim_count) {
    for (int i = 0; i < dim_count; ++i) {
      const int d = dims[i];
      const int64_t size = views[0]->sizes[d];
      if (size == 1) continue;
      bool merges = count > 0;
      for (size_t k = 0; merges && k < K; ++k) merges = views[k]->strides[d] == strides[k][count - 1] * sizes[count - 1];
      if (merges) {
        sizes[count - 1] *= size;
        continue;
      }
      for (size_t k = 0; k < K; ++k) strides[k][count] = views[k]->strides[d];
      sizes[count++] = size;
    }
    if (count == 0) sizes[count++] = 1;
  }

  int64_t numel() const {
    int64_t n = 1;
    for (int d = 0; d < count; ++d) n *= sizes[d];
    return n;
  }
  OffsetCalculator<K> offsets() const { return OffsetCalculator<K>(count, sizes, strides); }

  // Whether all strides of view k but those of axis 0 are multiples of V.
  bool outer_strides_are_multiples(size_t k, int64_t V) const {
    for (int d = 1; d < count; ++d)
      if (strides[k][d] % V != 0) return false;
    return true;
  }
};

// All dimensions but `dim`, innermost first: by the strides of the view, or with `row_major` the last one first.
struct OtherDims {
  std::array<int, kMaxDims> dims{};
  int count = 0;
  OtherDims(const View& view, int dim, bool row_major) {
    for (int d = view.ndim - 1; d >= 0; --d)
      if (d != dim) dims[count++] = d;
    if (!row_major)
      std::stable_sort(dims.begin(), dims.begin() + count,
                       [&](int a, int b) { return std::abs(view.strides[a]) < std::abs(view.strides[b]); });
  }
};

template <size_t K> MergedAxes<K> merged_axes(const std::array<const View*, K>& views, const OtherDims& dims) {
  return MergedAxes<K>(views, dims.dims.data(), dims.count);
}

}  // namespace tessera::kernels::cuda
