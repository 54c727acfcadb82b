#include "tools/validation_pictures.h"

#include <algorithm>
#include <cmath>

#include "core/ops.h"
#include "tools/contact_sheet.h"

namespace tessera::tools {
namespace {

// The picture that a batch was made from: normalised [3, H, W] back to bytes.
data::Image to_image(const Tensor& normalised, const data::ClassInfo& classes) {
  const Tensor planes = normalised.detach().cpu().contiguous(kContiguous);
  const auto height = static_cast<int>(planes.size(1)), width = static_cast<int>(planes.size(2));
  const float* const values = planes.data_ptr<float>();
  data::Image image(height, width, 3);
  for (int c = 0; c < 3; ++c)
    for (int y = 0; y < height; ++y)
      for (int x = 0; x < width; ++x) {
        const float value = values[(static_cast<int64_t>(c) * height + y) * width + x] * classes.std[c] + classes.mean[c];
        image.at(y, x)[c] = static_cast<uint8_t>(std::lround(std::clamp(value, 0.0f, 1.0f) * 255));
      }
  return image;
}

data::Image to_colours(const Tensor& ids, const data::Palette& palette) {
  const Tensor dense = ids.contiguous();
  data::Label label(static_cast<int>(ids.size(0)), static_cast<int>(ids.size(1)));
  const int64_t* const source = dense.data_ptr<int64_t>();
  for (size_t i = 0; i < label.ids.size(); ++i) label.ids[i] = static_cast<int32_t>(source[i]);
  return data::colorize(label, palette);
}

}  // namespace

void ValidationPictures::add(const data::Batch& batch, const Tensor& prediction) {
  for (int64_t i = 0; i < batch.labels.size(0) && static_cast<int64_t>(rows_.size()) < count_; ++i)
    rows_.push_back({to_image(batch.images[i], classes_), to_colours(batch.labels[i], classes_.palette),
                     to_colours(prediction[i], classes_.palette)});
}

data::Image ValidationPictures::sheet() const { return contact_sheet(rows_); }

}  // namespace tessera::tools
