// Walking the index tuples of a shape: what the reference kernels loop with.
#pragma once

#include <array>
#include <cstdint>

#include "kernels/view.h"

namespace tessera::kernels {

using Position = std::array<int64_t, kMaxDims>;

inline int64_t offset_of(const View& view, const Position& position) {
  int64_t offset = 0;
  for (int d = 0; d < view.ndim; ++d) offset += position[d] * view.strides[d];
  return offset;
}

// Calls body(position) for every index tuple of the view's shape in row-major order; once for a shape without dimensions.
template <class Body> void for_each_position(const View& shape, Body&& body) {
  const int64_t count = shape.numel();
  Position position{};
  for (int64_t i = 0; i < count; ++i) {
    body(static_cast<const Position&>(position));
    for (int d = shape.ndim - 1; d >= 0 && ++position[d] == shape.sizes[d]; --d) position[d] = 0;
  }
}

// The same view with one dimension cut down to size 1: its positions are the lines along that dimension.
inline View without_dim(View view, int dim) {
  view.sizes[dim] = view.sizes[dim] == 0 ? 0 : 1;
  return view;
}

// Writes `value`, converted to the view's type, at an offset counted in elements. To bool: value != 0.
template <class V> void store_as(const View& view, int64_t offset, V value) {
  dispatch_all(view.dtype, [&]<class T>() {
    if constexpr (is_half_v<T>)
      view.as<T>()[offset] = T(static_cast<float>(value));
    else
      view.as<T>()[offset] = static_cast<T>(value);
  });
}

}  // namespace tessera::kernels
