// Samples as tensors: what a network is fed.
#pragma once

#include <string>
#include <vector>

#include "core/tensor.h"
#include "data/dataset.h"

namespace tessera::data {

struct Batch {
  Tensor images;  // float32 [N, 3, H, W], channels-last in memory: (v / 255 - mean) / std
  Tensor labels;  // int64 [N, H, W], class ids
  std::vector<std::string> names;
};

// A batch of `count` samples of height x width, uninitialised.
Batch make_batch(int64_t count, int height, int width);

// Writes one sample into its place. Its size must be the batch's. Different places may be written by different threads at once.
void put_sample(Batch& batch, int64_t position, const Sample& sample, const ClassInfo& classes);

// One picture as a batch of one, [1, 3, H, W], normalised as above.
Tensor to_tensor(const Image& image, const ClassInfo& classes);

// Labels [N, H, W] as the U-Net note's dice loss takes them: float32 [N, H, W, classes + 1], 1 in the place of the pixel's class and
// 0 elsewhere; ignored pixels have their 1 in the last place.
Tensor one_hot_labels(const Tensor& labels, const ClassInfo& classes);

}  // namespace tessera::data
