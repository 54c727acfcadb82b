// Images [N, C, H, W] on the device: from the number of a thread's work to a place, and from a place to an offset. For .cu files.
#pragma once

#include <initializer_list>

#include "kernels/cuda/index.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/pack.h"

namespace tessera::kernels::cuda {

struct Place {
  int n, c, h, w;  // c counts packs of channels
};

// The places of an image in the order of its memory: channels innermost in channels-last, else W.
class Places {
 public:
  // `channels` in packs.
  Places(int64_t n, int64_t channels, int64_t height, int64_t width, bool channels_last)
      : count_(n * channels * height * width), channels_last_(channels_last) {
    sizes_[0] = channels_last ? channels : width;
    sizes_[1] = channels_last ? width : height;
    sizes_[2] = channels_last ? height : channels;
    for (int d = 0; d < 3; ++d) divisors_[d] = FastDivisor(sizes_[d]);
  }
  __host__ __device__ int64_t count() const { return count_; }

  __device__ Place operator()(int64_t position) const {
    int at[3];
    if (count_ < (int64_t{1} << 31)) {
      uint32_t rest = static_cast<uint32_t>(position);
#pragma unroll
      for (int d = 0; d < 3; ++d) {
        const QuotientRemainder split = divisors_[d](rest);
        at[d] = static_cast<int>(split.remainder);
        rest = split.quotient;
      }
      position = rest;
    } else {
      for (int d = 0; d < 3; ++d) {
        at[d] = static_cast<int>(position % sizes_[d]);
        position /= sizes_[d];
      }
    }
    const int n = static_cast<int>(position);
    return channels_last_ ? Place{n, at[0], at[2], at[1]} : Place{n, at[2], at[1], at[0]};
  }

 private:
  int64_t count_;
  bool channels_last_;
  int64_t sizes_[3];
  FastDivisor divisors_[3];
};

// An image of T in packs of V channels (V = 1: any strides).
template <class T, int V> struct Image {
  T* data;
  int height, width;
  int64_t n_step, c_step, h_step, w_step;

  explicit Image(const View& view)
      : data(view.as<T>()),
        height(static_cast<int>(view.sizes[2])),
        width(static_cast<int>(view.sizes[3])),
        n_step(view.strides[0]),
        c_step(view.strides[1] * V),
        h_step(view.strides[2]),
        w_step(view.strides[3]) {}
  __device__ T* plane(int n, int c) const { return data + n * n_step + c * c_step; }
  __device__ T* at(int n, int c, int h, int w) const { return plane(n, c) + h * h_step + w * w_step; }
};

// Whether the channels of all the views can be read in packs of V: adjacent, whole packs, aligned to those of their own type.
inline bool channel_packs_fit(std::initializer_list<const View*> views, int64_t V) {
  for (const View* view : views) {
    const size_t bytes = std::min<size_t>(16, static_cast<size_t>(V) * element_size(view->dtype));
    if (view->strides[1] != 1 || view->sizes[1] % V != 0 || !is_aligned(view->data, bytes)) return false;
    for (int d : {0, 2, 3})
      if (view->sizes[d] > 1 && view->strides[d] % V != 0) return false;
  }
  return true;
}

// Work for each place of `view`, with V channels a place.
template <int V> Places places_of(const View& view) {
  const bool channels_last = V > 1 || (view.strides[1] < view.strides[3] && view.sizes[1] > 1);
  return Places(view.sizes[0], view.sizes[1] / V, view.sizes[2], view.sizes[3], channels_last);
}

// V adjacent elements in accesses of up to 16 bytes.
template <int V, class T> __device__ inline void load_values(T (&to)[V], const T* from) {
  constexpr int kPart = V * sizeof(T) > 16 ? 16 / static_cast<int>(sizeof(T)) : V;
#pragma unroll
  for (int i = 0; i < V; i += kPart) {
    const auto part = load_pack<kPart>(from + i);
#pragma unroll
    for (int j = 0; j < kPart; ++j) to[i + j] = part[j];
  }
}

template <int V, class T> __device__ inline void store_values(T* to, const T (&from)[V]) {
  constexpr int kPart = V * sizeof(T) > 16 ? 16 / static_cast<int>(sizeof(T)) : V;
#pragma unroll
  for (int i = 0; i < V; i += kPart) {
    Pack<T, kPart> part;
#pragma unroll
    for (int j = 0; j < kPart; ++j) part[j] = from[i + j];
    store_pack(to + i, part);
  }
}

// Calls body.operator()<S, V>() with V = a pack of channels if they fit all views, else 1.
template <class F> void dispatch_channels(std::initializer_list<const View*> views, F&& body) {
  dispatch_floating((*views.begin())->dtype, [&]<class S>() {
    if constexpr (sizeof(S) < 8)
      if (channel_packs_fit(views, kPackSize<S>)) return body.template operator()<S, kPackSize<S>>();
    body.template operator()<S, 1>();
  });
}

}  // namespace tessera::kernels::cuda
