#include "data/batch.h"

#include <algorithm>

#include "core/error.h"
#include "core/ops.h"

namespace tessera::data {
namespace {

// HWC bytes to HWC floats, which is one picture of a channels-last tensor: each value by a table of its channel.
void normalize(float* target, const Image& image, const ClassInfo& classes) {
  check<ValueError>(image.channels == 3, "a picture of {} channels cannot enter a batch. It takes RGB.", image.channels);
  std::array<std::array<float, 256>, 3> table;
  for (int c = 0; c < 3; ++c)
    for (int v = 0; v < 256; ++v) table[c][v] = (static_cast<float>(v) / 255 - classes.mean[c]) / classes.std[c];
  for (size_t i = 0; i < image.pixels.size(); i += 3)
    for (int c = 0; c < 3; ++c) target[i + c] = table[c][image.pixels[i + c]];
}

Tensor empty_images(int64_t count, int height, int width) {
  return make_tensor(Layout::of({count, 3, height, width}, kChannelsLast), kFloat32, kCPU);
}

}  // namespace

Batch make_batch(int64_t count, int height, int width) {
  return {empty_images(count, height, width), make_tensor(Layout::of({count, height, width}), kInt64, kCPU),
          std::vector<std::string>(count)};
}

void put_sample(Batch& batch, int64_t position, const Sample& sample, const ClassInfo& classes) {
  const int64_t height = batch.labels.size(1), width = batch.labels.size(2), pixels = height * width;
  check<IndexError>(position >= 0 && position < batch.labels.size(0), "put_sample: place {} of a batch of {}.", position,
                    batch.labels.size(0));
  check<ShapeError>(sample.image.height == height && sample.image.width == width && sample.label.height == height &&
                        sample.label.width == width,
                    "put_sample: {} is {}x{} in a batch of {}x{}. Crop or pad to one size.", sample.name, sample.image.width,
                    sample.image.height, width, height);
  normalize(batch.images.data_ptr<float>() + position * pixels * 3, sample.image, classes);
  std::copy(sample.label.ids.begin(), sample.label.ids.end(), batch.labels.data_ptr<int64_t>() + position * pixels);
  batch.names[position] = sample.name;
}

Tensor to_tensor(const Image& image, const ClassInfo& classes) {
  Tensor tensor = empty_images(1, image.height, image.width);
  normalize(tensor.data_ptr<float>(), image, classes);
  return tensor;
}

Tensor one_hot_labels(const Tensor& labels, const ClassInfo& classes) {
  const int64_t count = classes.num_classes();
  const Tensor ignored = full_like(labels, count);
  return one_hot(where(labels == classes.ignore_index, ignored, labels), count + 1).to(kFloat32);
}

}  // namespace tessera::data
