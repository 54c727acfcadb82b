// The pixels of several tensors, cut into blocks that are equal steps apart in each of them.
//
// A "pixel" is a position in all dimensions but the class dimension. The dimensions are put into the memory order of the first
// tensor and merged where every tensor allows it, so that an NCHW tensor becomes N runs of H*W pixels with step 1 and a
// channels-last tensor one run of N*H*W pixels with step C. Blocks never cross a run; the cut depends on the shapes alone.
#pragma once

#include <algorithm>
#include <array>

#include "kernels/view.h"

namespace tessera::kernels {

inline View without_dim(View v, int dim) {
  for (int d = dim; d + 1 < v.ndim; ++d) v.sizes[d] = v.sizes[d + 1], v.strides[d] = v.strides[d + 1];
  --v.ndim;
  return v;
}

// Pixels a block: the classes of one block fill about 16 KiB, half of a level-1 cache.
inline constexpr int64_t kMaxBlockPixels = 512;
inline int64_t block_pixels(int64_t classes, size_t element_size) {
  const int64_t fit = 16384 / std::max<int64_t>(1, classes * static_cast<int64_t>(element_size));
  return std::clamp<int64_t>(fit / 16 * 16, 16, kMaxBlockPixels);
}

template <int K> class PixelBlocks {
 public:
  struct Block {
    std::array<int64_t, K> offset;  // of the first pixel, in elements, for each tensor
    int64_t length;
  };

  // `pixels`: K views of the same sizes, class dimension left out.
  PixelBlocks(const std::array<View, K>& pixels, int64_t block_length) : block_length_(block_length) {
    std::array<int, kMaxDims> order{};
    int dims = 0;
    for (int d = 0; d < pixels[0].ndim; ++d)
      if (pixels[0].sizes[d] != 1) order[dims++] = d;
    std::stable_sort(order.begin(), order.begin() + dims,
                     [&](int a, int b) { return pixels[0].strides[a] > pixels[0].strides[b]; });
    for (int i = 0; i < dims; ++i) {
      std::array<int64_t, K> strides;
      for (int k = 0; k < K; ++k) strides[k] = pixels[k].strides[order[i]];
      const int64_t size = pixels[0].sizes[order[i]];
      bool merges = ndim_ > 0;
      for (int k = 0; merges && k < K; ++k) merges = strides_[ndim_ - 1][k] == strides[k] * size;
      if (merges) {
        sizes_[ndim_ - 1] *= size;
        strides_[ndim_ - 1] = strides;
      } else {
        sizes_[ndim_] = size;
        strides_[ndim_++] = strides;
      }
    }
    if (ndim_ == 0) {  // a single pixel
      sizes_[0] = 1;
      strides_[0].fill(1);
      ndim_ = 1;
    }
    blocks_per_run_ = (sizes_[ndim_ - 1] + block_length - 1) / block_length;
    count_ = blocks_per_run_;
    for (int d = 0; d + 1 < ndim_; ++d) count_ *= sizes_[d];
  }

  int64_t count() const { return count_; }
  int64_t step(int k) const { return strides_[ndim_ - 1][k]; }  // from pixel to pixel inside a block

  Block operator[](int64_t index) const {
    const int64_t first = index % blocks_per_run_ * block_length_;
    Block block;
    block.length = std::min(block_length_, sizes_[ndim_ - 1] - first);
    for (int k = 0; k < K; ++k) block.offset[k] = first * step(k);
    int64_t run = index / blocks_per_run_;
    for (int d = ndim_ - 2; d >= 0; --d) {
      for (int k = 0; k < K; ++k) block.offset[k] += run % sizes_[d] * strides_[d][k];
      run /= sizes_[d];
    }
    return block;
  }

 private:
  int64_t block_length_;
  int ndim_ = 0;
  std::array<int64_t, kMaxDims> sizes_{};
  std::array<std::array<int64_t, K>, kMaxDims> strides_{};
  int64_t blocks_per_run_ = 0, count_ = 0;
};

}  // namespace tessera::kernels
