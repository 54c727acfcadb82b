// How the fast convolutions read their operands: images as channels-last rows of the type that is computed in, found by
// pointer. An image that lies so already is used where it is; any other is copied once. Included once per Highway target.
//
// Parallel mapping of the copies: a thread takes a range of image rows. Traffic: one read and one write of the image.
#if defined(TESSERA_CONV2D_PACK_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TESSERA_CONV2D_PACK_INL_H_
#undef TESSERA_CONV2D_PACK_INL_H_
#else
#define TESSERA_CONV2D_PACK_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <array>
#include <optional>

#include "kernels/parallel.h"
#include "kernels/scratch.h"
#include "kernels/view.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels::HWY_NAMESPACE {

// Copies image row `from` (element strides x_stride, c_stride) to `to`[x][c]. Small blocks keep both sides in L1.
template <class T, class From> void copy_row(T* HWY_RESTRICT to, const From* HWY_RESTRICT from, int64_t width, int64_t channels,
                                             int64_t x_stride, int64_t c_stride) {
  if (c_stride == 1 || channels == 1) {
    for (int64_t x = 0; x < width; ++x)
      for (int64_t c = 0; c < channels; ++c) to[x * channels + c] = static_cast<T>(from[x * x_stride + c]);
    return;
  }
  constexpr int64_t kBlock = 16;
  for (int64_t x0 = 0; x0 < width; x0 += kBlock)
    for (int64_t c = 0; c < channels; ++c)
      for (int64_t x = x0; x < std::min(width, x0 + kBlock); ++x)
        to[x * channels + c] = static_cast<T>(from[x * x_stride + c * c_stride]);
}

// A view [N, C, H, W] as channels-last rows of T: pixel (n, y, x) starts at data + n * n_stride + y * y_stride + x * x_stride and
// has its channels at stride 1. With padding the rows are always a copy, bordered by zeros: (-padding, -padding) is at data.
template <class T> class Image {
 public:
  Image(const View& view, int64_t pad_y, int64_t pad_x, bool pad) : height(view.sizes[2]), width(view.sizes[3]) {
    const int64_t channels = view.sizes[1];
    if (!pad && view.dtype == scalar_type_v<T> && (view.strides[1] == 1 || channels == 1)) {
      data = view.as<T>();
      n_stride = view.strides[0], y_stride = view.strides[2], x_stride = view.strides[3];
      return;
    }
    if (!pad) pad_y = pad_x = 0;
    height += 2 * pad_y, width += 2 * pad_x;
    x_stride = channels, y_stride = width * channels, n_stride = height * y_stride;
    T* const to = copy_.emplace(view.sizes[0] * n_stride).data();
    data = to;
    const int64_t left = pad_x * channels, inner = view.sizes[3] * channels;
    dispatch_floating(view.dtype, [&]<class From>() {
      parallel_for(view.sizes[0] * height, 1 + 16384 / std::max<int64_t>(1, y_stride), [&](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; ++r) {
          const int64_t n = r / height, y = r % height - pad_y;
          T* const row = to + r * y_stride;
          if (y < 0 || y >= view.sizes[2]) {
            std::fill_n(row, y_stride, T{0});
            continue;
          }
          std::fill_n(row, left, T{0});
          copy_row(row + left, view.as<From>() + n * view.strides[0] + y * view.strides[2], view.sizes[3], channels,
                   view.strides[3], view.strides[1]);
          std::fill_n(row + left + inner, left, T{0});
        }
      });
    });
  }

  const T* data = nullptr;
  int64_t height, width;  // with the border, if there is one
  int64_t n_stride = 0, y_stride = 0, x_stride = 0;

 private:
  std::optional<Scratch<T>> copy_;
};

// With few input channels and dilation 1 the taps of one kernel row read KW * IC neighbouring values: one long tap instead of
// KW short ones. That needs no bounds checks along x, hence a padded copy of the image.
inline bool fold_kernel_rows(int64_t in_channels, int64_t kernel_width, int64_t dilation_x, int64_t groups) {
  return groups == 1 && kernel_width > 1 && dilation_x == 1 && in_channels < 32;
}

}  // namespace tessera::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // TESSERA_CONV2D_PACK_INL_H_
