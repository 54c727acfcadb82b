// Padding and its gradient on the CPU.
//
// Parallel mapping: a thread takes a range of rows, runs of the dimension that is innermost in the output's memory (W in NCHW,
// C in channels-last). Where a row lies in its dimension follows from a table of source indices; its middle is one copy. The
// gradient is a gather: each row of grad_in sums the few rows of grad_out that copied it, in rising order, in float64.
// Memory traffic: input and output once (the gradient of a mirrored or repeated border reads it in addition).
#include <algorithm>
#include <vector>

#include "kernels/pad/pad.h"
#include "kernels/parallel.h"
#include "kernels/scratch.h"

namespace tessera::kernels::cpu {
namespace {

// The dimensions of a padding from innermost to outermost in the memory of the padded side.
struct Order {
  std::array<int, kMaxDims> dims{};
  int64_t rows = 1;  // positions of the outer dimensions of `view`

  Order(const View& padded, const View& view) {
    for (int d = 0; d < view.ndim; ++d) dims[d] = view.ndim - 1 - d;
    std::stable_sort(dims.begin(), dims.begin() + view.ndim, [&](int a, int b) { return padded.strides[a] < padded.strides[b]; });
    for (int k = 1; k < view.ndim; ++k) rows *= view.sizes[dims[k]];
  }
};

// A view without dimensions as one with a single dimension of size 1.
View at_least_1d(View view) {
  if (view.ndim == 0) {
    view.ndim = 1;
    view.sizes[0] = view.strides[0] = 1;
  }
  return view;
}

}  // namespace

void pad_forward(const View& out_view, const View& in_view, std::span<const int64_t> before, PadMode mode, double value) {
  const View out = at_least_1d(out_view), in = at_least_1d(in_view);
  const Order order(out, out);
  const int inner = order.dims[0];
  const int64_t length = out.sizes[inner], front = before.empty() ? 0 : before[inner];
  // The part of a row that is copied as it stands: positions [first, last).
  const int64_t first = std::clamp<int64_t>(front, 0, length), last = std::clamp<int64_t>(front + in.sizes[inner], first, length);
  const int64_t to_stride = out.strides[inner], from_stride = in.strides[inner];
  dispatch_all(in.dtype, [&]<class T>() {
    const T constant = static_cast<T>(static_cast<compute_t<T>>(value));
    parallel_for(length == 0 ? 0 : order.rows, 1 + 16384 / std::max<int64_t>(1, length), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        T* to = out.as<T>();
        const T* from = in.as<T>();
        bool border = false;
        int64_t rest = row;
        for (int k = 1; k < out.ndim; ++k) {
          const int d = order.dims[k];
          const int64_t at = rest % out.sizes[d], source = pad_source(at - before[d], in.sizes[d], mode);
          rest /= out.sizes[d];
          to += at * out.strides[d];
          border |= source < 0;
          from += source * in.strides[d];
        }
        if (border) {
          for (int64_t i = 0; i < length; ++i) to[i * to_stride] = constant;
          continue;
        }
        const auto edge = [&](int64_t i) {
          const int64_t source = pad_source(i - front, in.sizes[inner], mode);
          to[i * to_stride] = source < 0 ? constant : from[source * from_stride];
        };
        for (int64_t i = 0; i < first; ++i) edge(i);
        if (to_stride == 1 && from_stride == 1) {
          std::copy(from + (first - front), from + (last - front), to + first);
        } else {
          for (int64_t i = first; i < last; ++i) to[i * to_stride] = from[(i - front) * from_stride];
        }
        for (int64_t i = last; i < length; ++i) edge(i);
      }
    });
  });
}

void pad_backward(const View& grad_in_view, const View& grad_out_view, std::span<const int64_t> before, PadMode mode) {
  const View grad_in = at_least_1d(grad_in_view), grad_out = at_least_1d(grad_out_view);
  const Order order(grad_out, grad_in);
  const int inner = order.dims[0];
  // copies[d][i]: the positions of grad_out along d whose source is i, in rising order.
  std::array<std::vector<std::vector<int64_t>>, kMaxDims> copies;
  for (int d = 0; d < grad_in.ndim; ++d) {
    copies[d].resize(grad_in.sizes[d]);
    for (int64_t o = 0; o < grad_out.sizes[d]; ++o) {
      const int64_t source = pad_source(o - (before.empty() ? 0 : before[d]), grad_in.sizes[d], mode);
      if (source >= 0) copies[d][source].push_back(o);
    }
  }
  const int64_t length = grad_in.sizes[inner], stride = grad_out.strides[inner];
  dispatch_floating(grad_in.dtype, [&]<class T>() {
    parallel_for(length == 0 ? 0 : order.rows, 1 + 16384 / std::max<int64_t>(1, length), [&](int64_t begin, int64_t end) {
      Scratch<double> sums(length);
      for (int64_t row = begin; row < end; ++row) {
        std::fill(sums.data(), sums.data() + length, 0.0);
        T* to = grad_in.as<T>();
        std::array<const std::vector<int64_t>*, kMaxDims> sources{};
        int64_t rest = row, combinations = 1;
        for (int k = 1; k < grad_in.ndim; ++k) {
          const int d = order.dims[k];
          const int64_t at = rest % grad_in.sizes[d];
          rest /= grad_in.sizes[d];
          to += at * grad_in.strides[d];
          sources[k] = &copies[d][at];
          combinations *= static_cast<int64_t>(sources[k]->size());
        }
        for (int64_t c = 0; c < combinations; ++c) {
          const T* from = grad_out.as<T>();
          int64_t choice = c;
          for (int k = 1; k < grad_in.ndim; ++k) {
            const int64_t options = static_cast<int64_t>(sources[k]->size());
            from += (*sources[k])[choice % options] * grad_out.strides[order.dims[k]];
            choice /= options;
          }
          for (int64_t i = 0; i < length; ++i) {
            for (int64_t o : copies[inner][i]) sums[i] += static_cast<double>(from[o * stride]);
          }
        }
        for (int64_t i = 0; i < length; ++i) to[i * grad_in.strides[inner]] = static_cast<T>(static_cast<compute_t<T>>(sums[i]));
      }
    });
  });
}

}  // namespace tessera::kernels::cpu
