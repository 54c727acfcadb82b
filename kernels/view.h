// What every kernel sees of a tensor: a pointer, an element type, sizes and strides. A view owns nothing.
//
// The contract of all kernels in this folder:
//   - They are handed views whose shapes, types and bounds were checked by the op in core/ops; they check nothing again.
//   - They assign to their outputs; none accumulates unless its name ends in `_acc`.
//   - They allocate no tensors. Scratch memory comes from `Scratch` (scratch.h).
//   - Half types are computed in float32, float64 in float64.
//   - The same inputs and thread count give the same bits.
//   - Logical order is NCHW; the memory order is in the strides (counted in elements, 0 for a broadcast dimension).
#pragma once

#include <array>
#include <cstdint>

#include "kernels/dtype.h"

namespace tessera {

inline constexpr int kMaxDims = 8;

struct View {
  void* data = nullptr;
  ScalarType dtype = kFloat32;
  int ndim = 0;
  std::array<int64_t, kMaxDims> sizes{};
  std::array<int64_t, kMaxDims> strides{};

  template <class T> constexpr T* as() const { return static_cast<T*>(data); }

  constexpr int64_t numel() const {
    int64_t n = 1;
    for (int d = 0; d < ndim; ++d) n *= sizes[d];
    return n;
  }

  // Row-major without gaps. A dimension of size 1 may have any stride.
  constexpr bool is_contiguous() const {
    int64_t expected = 1;
    for (int d = ndim - 1; d >= 0; --d) {
      if (sizes[d] != 1 && strides[d] != expected) return false;
      expected *= sizes[d];
    }
    return true;
  }

  // A 4-d view [N, C, H, W] that lies in memory as N, H, W, C without gaps.
  constexpr bool is_channels_last() const {
    if (ndim != 4) return false;
    int64_t expected = 1;
    for (int d : {1, 3, 2, 0}) {
      if (sizes[d] != 1 && strides[d] != expected) return false;
      expected *= sizes[d];
    }
    return true;
  }
};

}  // namespace tessera
