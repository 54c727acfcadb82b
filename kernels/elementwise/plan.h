// The loop plan that all elementwise kernels share: dimensions ordered by stride and merged as far as all operands allow.
//
// Any tensors that share a dense layout (NCHW, channels-last, any permutation) merge into one dimension with stride 1. The
// plan is computed on the host and knows nothing of the device.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "kernels/view.h"

namespace tessera::kernels {

// Operand 0 is the output. Dimension 0 is the innermost, the one with the smallest strides. ndim >= 1. A flat position p counts
// elements with dimension 0 running fastest.
template <size_t N> struct ElementwisePlan {
  int ndim = 0;
  int64_t numel = 0;
  std::array<int64_t, kMaxDims> sizes{};
  std::array<std::array<int64_t, kMaxDims>, N> strides{};
  std::array<void*, N> data{};
  std::array<ScalarType, N> dtypes{};

  // Offset in operand k of the start of a row (a run of dimension 0).
  int64_t row_offset(size_t k, int64_t row) const {
    int64_t offset = 0;
    for (int d = 1; d < ndim; ++d) {
      offset += row % sizes[d] * strides[k][d];
      row /= sizes[d];
    }
    return offset;
  }

  // Operand k has one value everywhere.
  bool is_constant(size_t k) const {
    return std::all_of(strides[k].begin(), strides[k].begin() + ndim, [](int64_t stride) { return stride == 0; });
  }

  // The offset in operand k is the flat position.
  bool is_flat(size_t k) const {
    int64_t expected = 1;
    for (int d = 0; d < ndim; ++d) {
      if (strides[k][d] != expected) return false;
      expected *= sizes[d];
    }
    return true;
  }
};

// `views` have equal sizes; the first is the output.
template <size_t N> ElementwisePlan<N> make_plan(const std::array<const View*, N>& views) {
  ElementwisePlan<N> plan;
  const View& out = *views[0];
  plan.numel = out.numel();
  for (size_t k = 0; k < N; ++k) {
    plan.data[k] = views[k]->data;
    plan.dtypes[k] = views[k]->dtype;
  }

  // Order: the output's strides decide; where it is broadcast or even, the next operand's. Row-major order breaks ties.
  std::array<int, kMaxDims> order{};
  int kept = 0;
  for (int d = out.ndim - 1; d >= 0; --d)
    if (out.sizes[d] != 1) order[kept++] = d;
  const auto inner_first = [&](int a, int b) {
    for (const View* view : views) {
      const int64_t sa = view->strides[a], sb = view->strides[b];
      if (sa != 0 && sb != 0 && sa != sb) return sa < sb;
    }
    return false;
  };
  for (int i = 1; i < kept; ++i)  // insertion sort: "a stride of 0 decides nothing" is no strict weak order
    for (int j = i; j > 0 && inner_first(order[j], order[j - 1]); --j) std::swap(order[j], order[j - 1]);

  for (int i = 0; i < kept; ++i) {
    const int d = order[i], last = plan.ndim - 1;
    bool merges = last >= 0;
    for (size_t k = 0; merges && k < N; ++k) merges = views[k]->strides[d] == plan.strides[k][last] * plan.sizes[last];
    if (merges) {
      plan.sizes[last] *= out.sizes[d];
      continue;
    }
    plan.sizes[plan.ndim] = out.sizes[d];
    for (size_t k = 0; k < N; ++k) plan.strides[k][plan.ndim] = views[k]->strides[d];
    ++plan.ndim;
  }
  if (plan.ndim == 0) {  // a single element
    plan.ndim = 1;
    plan.sizes[0] = 1;
    for (size_t k = 0; k < N; ++k) plan.strides[k][0] = 1;
  }
  return plan;
}

}  // namespace tessera::kernels
