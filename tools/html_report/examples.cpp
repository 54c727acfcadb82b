#include "tools/html_report/examples.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "data/transforms.h"
#include "tools/html_report/html.h"

namespace tessera::tools {
namespace {

constexpr int kWidest = 320;  // pixels of a picture in the page

}  // namespace

ChosenPictures choose_pictures(std::vector<PictureScore> pictures, size_t count) {
  std::erase_if(pictures, [](const PictureScore& p) { return std::isnan(p.mean_iou); });
  std::stable_sort(pictures.begin(), pictures.end(),
                   [](const PictureScore& a, const PictureScore& b) { return a.mean_iou > b.mean_iou; });
  const size_t best = std::min(count, (pictures.size() + 1) / 2), worst = std::min(count, pictures.size() - best);
  ChosenPictures chosen;
  chosen.best.assign(pictures.begin(), pictures.begin() + static_cast<std::ptrdiff_t>(best));
  chosen.worst.assign(pictures.rbegin(), pictures.rbegin() + static_cast<std::ptrdiff_t>(worst));
  return chosen;
}

data::Image error_map(const data::Image& picture, const data::Label& truth, const data::Label& prediction,
                      const data::ClassInfo& classes) {
  constexpr std::array<uint8_t, 3> kWrong = {206, 32, 41};
  data::Image map(picture.height, picture.width);
  for (size_t i = 0; i < truth.ids.size(); ++i) {
    const uint8_t* rgb = picture.pixels.data() + 3 * i;
    uint8_t* out = map.pixels.data() + 3 * i;
    const int32_t id = truth.ids[i];
    if (id < 0 || id >= classes.num_classes() || id == classes.ignore_index) {
      std::fill_n(out, 3, uint8_t{255});
    } else if (id != prediction.ids[i]) {
      std::copy(kWrong.begin(), kWrong.end(), out);
    } else {
      const double luma = 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2];
      std::fill_n(out, 3, static_cast<uint8_t>(std::lround(140 + 0.4 * luma)));
    }
  }
  return map;
}

std::string example_html(const Predictor& predictor, const data::Dataset& dataset, const PictureScore& picture) {
  const data::ClassInfo& classes = dataset.classes();
  data::RandomStream stream{0, 0, static_cast<uint64_t>(picture.index)};
  data::Sample sample = dataset.get(picture.index, stream);
  data::Label prediction = predictor.classify(sample.image);
  data::Image errors = error_map(sample.image, sample.label, prediction, classes);
  if (const int width = sample.image.width; width > kWidest) {
    const int height = std::max(1, static_cast<int>(static_cast<int64_t>(sample.image.height) * kWidest / width));
    sample.image = data::resize_bilinear(sample.image, height, kWidest);
    errors = data::resize_bilinear(errors, height, kWidest);
    sample.label = data::resize_nearest(sample.label, height, kWidest);
    prediction = data::resize_nearest(prediction, height, kWidest);
  }
  for (int32_t& id : sample.label.ids)
    if (id < 0 || id > 255) id = 255;  // the ignore index may be anything, a palette ends there
  const std::string name = escape_html(picture.name);
  const auto panel = [](const std::string& image, const char* caption) {
    return fmt::format("<div>{}<span>{}</span></div>", image, caption);
  };
  return fmt::format(
      "<figure class=\"example\"><figcaption><strong>{}</strong> mIoU {}, pixel accuracy {}</figcaption>"
      "<div class=\"panels\">{}{}{}{}</div></figure>\n",
      name, figure_html(picture.mean_iou), figure_html(picture.pixel_accuracy),
      panel(image_html(sample.image, "Picture " + picture.name), "picture"),
      panel(image_html(sample.label, classes.palette, "True classes of " + picture.name), "truth"),
      panel(image_html(prediction, classes.palette, "Predicted classes of " + picture.name), "prediction"),
      panel(image_html(errors, "Wrong pixels of " + picture.name), "errors"));
}

}  // namespace tessera::tools
