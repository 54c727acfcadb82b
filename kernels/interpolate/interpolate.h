// Resampling of images [N, C, IH, IW] to [N, C, OH, OW], with PyTorch's coordinate rules.
#pragma once

#include <algorithm>

#include "kernels/view.h"

namespace tessera::kernels {

struct InterpolateParams {
  bool align_corners = false;  // bilinear only: the centres of the corner pixels coincide
  // Source pixels per output pixel: 1 / scale_factor where the caller gave a scale factor, otherwise in / out.
  double scale_h = 1, scale_w = 1;
};

// nearest: out[o] = in[min(floor(o * scale), in - 1)] on each axis, computed in float32 as PyTorch does for every type.
template <class I> constexpr I nearest_source(I out_index, double scale, I in_size) {
  return std::min(static_cast<I>(static_cast<float>(out_index) * static_cast<float>(scale)),
                  in_size - 1);  // of >= 0: floor
}

// bilinear: out[o] = (1 - lambda) * in[index] + lambda * in[neighbour] on each axis, at the source position
//   align_corners   o * (in - 1) / (out - 1)              (0 for one output pixel)
//   otherwise       max(0, (o + 0.5) * scale - 0.5)       pixel centres at half-integers
// computed in C, the type of the arithmetic. I: the type of the positions.
template <class C, class I = int64_t> struct LinearSource {
  I index, neighbour;
  C lambda;
};

// Source positions from one output to the next.
template <class C, class I> constexpr C linear_step(bool align_corners, double scale, I in_size, I out_size) {
  if (!align_corners) return static_cast<C>(scale);
  return out_size > 1 ? static_cast<C>(in_size - 1) / static_cast<C>(out_size - 1) : C{0};
}

template <class C, class I> constexpr LinearSource<C, I> linear_source_at(I out_index, bool align_corners, C step, I in_size) {
  const C o = static_cast<C>(out_index), position = align_corners ? step * o : std::max(C{0}, (o + C(0.5)) * step - C(0.5));
  const I index = std::min(static_cast<I>(position), in_size - 1);
  const C lambda = std::clamp(position - static_cast<C>(index), C{0}, C{1});
  return {index, std::min(index + 1, in_size - 1), lambda};
}
template <class C, class I>
constexpr LinearSource<C, I> linear_source(I out_index, bool align_corners, double scale, I in_size, I out_size) {
  return linear_source_at<C>(out_index, align_corners, linear_step<C>(align_corners, scale, in_size, out_size), in_size);
}

// out [N, C, OH, OW] from input [N, C, IH, IW].
using InterpolateForward = void(const View& out, const View& input, const InterpolateParams& params);

// grad_input [N, C, IH, IW] from grad_out [N, C, OH, OW]: the transposed map, summed in output order.
using InterpolateBackward = void(const View& grad_input, const View& grad_out, const InterpolateParams& params);

namespace reference {
InterpolateForward nearest2d_forward, bilinear2d_forward;
InterpolateBackward nearest2d_backward, bilinear2d_backward;
}  // namespace reference

namespace cpu {
InterpolateForward nearest2d_forward, bilinear2d_forward;
InterpolateBackward nearest2d_backward, bilinear2d_backward;
}  // namespace cpu

namespace cuda {
InterpolateForward nearest2d_forward, bilinear2d_forward;
InterpolateBackward nearest2d_backward, bilinear2d_backward;
}  // namespace cuda

}  // namespace tessera::kernels
