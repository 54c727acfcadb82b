// Padding as plain loops over the output positions; the gradient adds each of them to its source.
#include <vector>

#include "kernels/index/positions.h"
#include "kernels/pad/pad.h"

namespace tessera::kernels::reference {
namespace {

// The position in `in` that the output position copies. Returns false where it is the constant border.
bool source_of(Position& source, const Position& position, const View& in, std::span<const int64_t> before, PadMode mode) {
  for (int d = 0; d < in.ndim; ++d) {
    source[d] = pad_source(position[d] - before[d], in.sizes[d], mode);
    if (source[d] < 0) return false;
  }
  return true;
}

}  // namespace

void pad_forward(const View& out, const View& in, std::span<const int64_t> before, PadMode mode, double value) {
  dispatch_all(in.dtype, [&]<class T>() {
    for_each_position(out, [&](const Position& position) {
      Position source{};
      const int64_t at = offset_of(out, position);
      if (source_of(source, position, in, before, mode))
        out.as<T>()[at] = in.as<T>()[offset_of(in, source)];
      else
        store_as(out, at, value);
    });
  });
}

void pad_backward(const View& grad_in, const View& grad_out, std::span<const int64_t> before, PadMode mode) {
  dispatch_floating(grad_in.dtype, [&]<class T>() {
    View sums = grad_in;  // the same positions, without gaps, in double
    int64_t stride = 1;
    for (int d = sums.ndim - 1; d >= 0; --d) {
      sums.strides[d] = stride;
      stride *= sums.sizes[d];
    }
    std::vector<double> sum(grad_in.numel());
    for_each_position(grad_out, [&](const Position& position) {
      Position source{};
      if (source_of(source, position, grad_in, before, mode)) {
        sum[offset_of(sums, source)] += static_cast<double>(grad_out.as<T>()[offset_of(grad_out, position)]);
      }
    });
    for_each_position(grad_in, [&](const Position& p) { store_as(grad_in, offset_of(grad_in, p), sum[offset_of(sums, p)]); });
  });
}

}  // namespace tessera::kernels::reference
