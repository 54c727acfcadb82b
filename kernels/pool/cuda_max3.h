// Max pooling by windows of 3x3 with stride 2 in channels-last, as in front of ResNet's first block. For .cu files.
//
//   forward   A thread has a column of the output, with a pack of channels, and goes down a strip of rows. An input row is reduced to its
//             best of three once and serves both windows that share it: 6 loads and 6 comparisons an output instead of 9. A position
//             outside the picture is replaced by the nearest one inside, which is in the window too and changes nothing.
//   backward  A thread has a column of windows and goes down a strip of them. Between windows i - 1 and i lie two input rows, between its
//             column and the one before two input columns: these four pixels get their sums from the four windows, of which the upper
//             two are kept in registers.
// Memory traffic: each side once; a strip reads one row more, and neighbouring columns share theirs in the level-1 cache.
#pragma once

#include "kernels/pool/cuda_window.h"

namespace tessera::kernels::cuda {

// Whether the windows are 3x3 with stride 2 and each covers part of the picture.
inline bool is_max3(const Window& window, const View& image, const View& pooled) {
  bool fits = window.is_square(3) && pooled.numel() > 0;
  for (int a = 0; a < 2; ++a)
    fits = fits && window.stride[a] == 2 && window.padding[a] <= 2 &&
           2 * (pooled.sizes[2 + a] - 1) - window.padding[a] < image.sizes[2 + a];
  return fits;
}

// A pack as it is loaded, for loads whose use comes a turn of a loop later: as a Pack of halves the compiler would take it apart, and
// so wait for it, at once.
template <class S> struct LoadedPack {
  uint4 raw;
  __device__ static LoadedPack from(const S* data) { return {*reinterpret_cast<const uint4*>(data)}; }
  __device__ FullPack<S> pack() const {
    FullPack<S> result;
    memcpy(static_cast<void*>(&result), &raw, sizeof(raw));
    return result;
  }
};

// The bests of V channels. take() is given what comes later in the window: the first maximum and the last NaN stay.
template <class C, int V> struct Bests {
  Pack<C, V> value;
  int32_t index[V];

  __device__ Bests(const Pack<C, V>& x, int32_t at) : value(x) {
#pragma unroll
    for (int v = 0; v < V; ++v) index[v] = at;
  }
  __device__ void take(const Bests& later) {
#pragma unroll
    for (int v = 0; v < V; ++v)
      if (later.value[v] > value[v] || later.value[v] != later.value[v]) value[v] = later.value[v], index[v] = later.index[v];
  }
};

// `places`: n, channels, strips of `strip` output rows, output columns.
template <class S, int V> __global__ void __launch_bounds__(kThreads, 2)
    max3_forward_kernel(Image<S, V> out, Image<int32_t, V> indices, Image<const S, V> in, Places places, int strip,
                        Window window) {
  wait_for_kernel_before();
  using C = compute_t<S>;
  for (int64_t p = thread_position(); p < places.count(); p += thread_count()) {
    const Place at = places(p);
    const S* const plane = in.plane(at.n, at.c);
    const auto row_of = [&](int h) { return min(max(h - window.padding[0], 0), in.height - 1); };
    int column[3];
#pragma unroll
    for (int i = 0; i < 3; ++i) column[i] = min(max(2 * at.w - window.padding[1] + i, 0), in.width - 1);
    struct Row {
      LoadedPack<S> x[3];
    };
    const auto load = [&](int h) {
      Row row;
#pragma unroll
      for (int i = 0; i < 3; ++i) row.x[i] = LoadedPack<S>::from(plane + h * in.h_step + column[i] * in.w_step);
      return row;
    };
    const auto reduced = [&](const Row& row, int h) {
      Bests<C, V> best(convert_pack<C>(row.x[0].pack()), h * in.width + column[0]);
#pragma unroll
      for (int i = 1; i < 3; ++i) best.take(Bests<C, V>(convert_pack<C>(row.x[i].pack()), h * in.width + column[i]));
      return best;
    };
    const int begin = at.h * strip, end = min(out.height, begin + strip);
    const Row first = load(row_of(2 * begin));
    Row next[2] = {load(row_of(2 * begin + 1)), load(row_of(2 * begin + 2))};
    Bests<C, V> best = reduced(first, row_of(2 * begin));
    for (int oh = begin; oh < end; ++oh) {
      const Row middle = next[0], lowest = next[1];
      if (oh + 1 < end) next[0] = load(row_of(2 * oh + 3)), next[1] = load(row_of(2 * oh + 4));
      best.take(reduced(middle, row_of(2 * oh + 1)));
      const Bests<C, V> last = reduced(lowest, row_of(2 * oh + 2));
      best.take(last);
      store_pack(out.at(at.n, at.c, oh, at.w), convert_pack<S>(best.value));
      if (indices.data != nullptr) store_values(indices.at(at.n, at.c, oh, at.w), best.index);
      best = last;
    }
  }
}

// `places`: n, channels, strips of `strip` windows and one more, columns of windows and one more: the pixels behind the last windows.
template <class S, int V> __global__ void __launch_bounds__(kThreads, 2)
    max3_backward_kernel(Image<S, V> grad_in, Image<const S, V> grad_out, Image<const int32_t, V> indices, Places places,
                         int strip, int rows, Window window) {
  wait_for_kernel_before();
  using C = compute_t<S>;
  constexpr int kNone = -2;  // an index that no window has
  for (int64_t p = thread_position(); p < places.count(); p += thread_count()) {
    const Place at = places(p);
    struct Windows {  // of one row, in the columns at.w - 1 and at.w
      LoadedPack<S> g[2];
      int32_t index[2][V];
    };
    const bool has[2] = {at.w > 0, at.w < grad_out.width};
    const auto has_row = [&](int i) { return i >= 0 && i < grad_out.height; };
    const auto load = [&](int i) {  // in place of a window that there is not, the nearest one
      Windows row;
      const int h = min(max(i, 0), grad_out.height - 1);
#pragma unroll
      for (int j = 0; j < 2; ++j) {
        const int w = min(max(at.w - 1 + j, 0), grad_out.width - 1);
        row.g[j] = LoadedPack<S>::from(grad_out.at(at.n, at.c, h, w));
        load_values(row.index[j], indices.at(at.n, at.c, h, w));
      }
      return row;
    };
    const int begin = at.h * strip, end = min(rows, begin + strip), w = 2 * at.w - window.padding[1];
    Windows upper = load(begin - 1), next = load(begin);
    for (int i = begin; i < end; ++i) {
      const Windows lower = next;
      if (i + 1 < end) next = load(i + 1);
      const int h = 2 * i - window.padding[0];
      const auto gather = [&](int row, int column) {
        if (h + row < 0 || h + row >= grad_in.height || w + column < 0 || w + column >= grad_in.width) return;
        const int index = (h + row) * grad_in.width + w + column;
        Pack<C, V> sum{};
        const auto add = [&](const Windows& windows, int j, bool there) {
          const int32_t wanted = there && has[j] ? index : kNone;
          const auto g = convert_pack<C>(windows.g[j].pack());
#pragma unroll
          for (int v = 0; v < V; ++v)
            if (windows.index[j][v] == wanted) sum[v] += g[v];
        };
        if (row == 0 && column == 0) add(upper, 0, has_row(i - 1));
        if (row == 0) add(upper, 1, has_row(i - 1));
        if (column == 0) add(lower, 0, has_row(i));
        add(lower, 1, has_row(i));
        store_pack(grad_in.at(at.n, at.c, h + row, w + column), convert_pack<S>(sum));
      };
      gather(0, 0), gather(0, 1), gather(1, 0), gather(1, 1);
      upper = lower;
    }
  }
}

// Rows a strip: long strips read less twice, but the device must be full.
inline int64_t max3_strip(int64_t rows, int64_t columns) {
  return std::clamp<int64_t>(rows * columns / (int64_t{multiprocessors()} * 2048 * 2), 1, 16);
}

template <class S, int V> void max3_forward(const View& out, const View& indices, const View& input, const Window& window) {
  const int64_t n = out.sizes[0], packs = out.sizes[1] / V, rows = out.sizes[2], columns = out.sizes[3];
  const int64_t strip = max3_strip(rows, n * packs * columns);
  const Places places(n, packs, div_up(rows, strip), columns, /*channels_last=*/true);
  launch("max_pool2d_3x3", max3_forward_kernel<S, V>, dim3(static_cast<unsigned>(div_up(places.count(), kThreads))), kThreads, 0,
         Image<S, V>(out), Image<int32_t, V>(indices), Image<const S, V>(input), places, static_cast<int>(strip), window);
}

template <class S, int V>
void max3_backward(const View& grad_input, const View& grad_out, const View& indices, const Window& window) {
  const auto blocks_of_two = [&](int a) { return div_up(grad_input.sizes[2 + a] + window.padding[a], 2); };
  const int64_t n = grad_input.sizes[0], packs = grad_input.sizes[1] / V, rows = blocks_of_two(0), columns = blocks_of_two(1);
  const int64_t strip = max3_strip(rows, n * packs * columns);
  const Places places(n, packs, div_up(rows, strip), columns, /*channels_last=*/true);
  launch("max_pool2d_3x3_backward", max3_backward_kernel<S, V>, dim3(static_cast<unsigned>(div_up(places.count(), kThreads))),
         kThreads, 0, Image<S, V>(grad_input), Image<const S, V>(grad_out), Image<const int32_t, V>(indices), places,
         static_cast<int>(strip), static_cast<int>(rows), window);
}

}  // namespace tessera::kernels::cuda
