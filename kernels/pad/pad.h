// Padding: a larger copy with a border that is constant, mirrored or repeated. Negative widths crop (constant mode only).
#pragma once

#include <span>

#include "kernels/view.h"

namespace tessera::kernels {

enum class PadMode {
  Constant,   // the value given
  Reflect,    // mirrored at the edge element, which is not repeated: c b | a b c | b a. Widths < size
  Replicate,  // the edge element: a a | a b c | c c. Size > 0
};

// out[o] = in[source(o - before)] in each dimension; before[d] is the border's width in front of dimension d, the width behind
// follows from the sizes. in and out have the same type, any.
using PadForward = void(const View& out, const View& in, std::span<const int64_t> before, PadMode mode, double value);

// grad_in[i] = sum of grad_out[o] over all o whose source is i, read as a gather in a fixed order. Floating-point types.
using PadBackward = void(const View& grad_in, const View& grad_out, std::span<const int64_t> before, PadMode mode);

// The source index along a dimension of `size` elements for the position `i` = o - before, or -1 for the constant.
constexpr int64_t pad_source(int64_t i, int64_t size, PadMode mode) {
  if (i >= 0 && i < size) return i;
  switch (mode) {
    case PadMode::Constant: return -1;
    case PadMode::Reflect: return i < 0 ? -i : 2 * (size - 1) - i;
    case PadMode::Replicate: return i < 0 ? 0 : size - 1;
  }
  return -1;
}

namespace reference {
PadForward pad_forward;
PadBackward pad_backward;
}  // namespace reference

namespace cpu {
PadForward pad_forward;
PadBackward pad_backward;
}  // namespace cpu

namespace cuda {
PadForward pad_forward;
PadBackward pad_backward;
}  // namespace cuda

}  // namespace tessera::kernels
