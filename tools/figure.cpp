#include "tools/figure.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "data/metrics.h"
#include "data/transforms.h"
#include "tools/bitmap_text.h"
#include "tools/contact_sheet.h"

namespace tessera::tools {
namespace {

constexpr int kNarrowest = 256, kWidest = 800;
constexpr data::Color kInk = {0, 0, 0}, kFrame = {128, 128, 128};

data::Image panel(data::Image picture, const std::string& caption) {
  picture = magnify(picture, kNarrowest);
  const int bar = text_height() + 6;
  data::Image captioned(picture.height + bar, picture.width, 3, 255);
  draw_text(captioned, 2, 0, shorten_text(caption, picture.width), kInk);
  std::copy(picture.pixels.begin(), picture.pixels.end(), captioned.at(bar, 0));
  return captioned;
}

std::string score_of(const data::Label& truth, const data::Label& prediction, const data::ClassInfo& classes) {
  data::ConfusionMatrix matrix(classes.num_classes(), classes.ignore_index);
  matrix.update(std::vector<int64_t>(truth.ids.begin(), truth.ids.end()),
                std::vector<int64_t>(prediction.ids.begin(), prediction.ids.end()));
  const double score = matrix.mean_iou();
  return std::isnan(score) ? "" : fmt::format(" mIoU {:.3f}", score);
}

}  // namespace

data::Image magnify(const data::Image& picture, int comfortable) {
  const int factor = (comfortable + picture.width - 1) / std::max(1, picture.width);
  if (factor <= 1) return picture;
  data::Image large(picture.height * factor, picture.width * factor, 3);
  for (int y = 0; y < large.height; ++y)
    for (int x = 0; x < large.width; ++x) std::copy_n(picture.at(y / factor, x / factor), 3, large.at(y, x));
  return large;
}

data::Image legend(const std::vector<const data::Label*>& labels, const data::ClassInfo& classes, int width) {
  std::vector<bool> occurs(classes.names.size());
  for (const data::Label* label : labels)
    for (const int32_t id : label->ids)
      if (id >= 0 && static_cast<size_t>(id) < occurs.size() && id != classes.ignore_index) occurs[id] = true;
  const int line = text_height() + 6, swatch = text_height() - 4;
  struct Entry {
    size_t id;
    int y, x;
  };
  std::vector<Entry> entries;
  int y = 0, x = 0;
  for (size_t id = 0; id < occurs.size(); ++id) {
    if (!occurs[id]) continue;
    const int needed = swatch + 6 + text_width(classes.names[id]) + 12;
    if (x > 0 && x + needed > width) {
      y += line;
      x = 0;
    }
    entries.push_back({id, y, x});
    x += needed;
  }
  data::Image image(y + line, width, 3, 255);
  for (const Entry& entry : entries) {
    fill_rectangle(image, entry.y + 1, entry.x, swatch + 2, swatch + 2, kFrame);
    const data::Color color = entry.id < classes.palette.size() ? classes.palette[entry.id] : data::Color{0, 0, 0};
    fill_rectangle(image, entry.y + 2, entry.x + 1, swatch, swatch, color);
    draw_text(image, entry.y, entry.x + swatch + 8, classes.names[entry.id], kInk);
  }
  return image;
}

data::Image prediction_figure(const data::Image& picture, const std::optional<data::Label>& truth, const data::Label& prediction,
                              const data::ClassInfo& classes) {
  const int width = std::min(picture.width, kWidest);
  const int height = std::max(1, static_cast<int>(static_cast<int64_t>(picture.height) * width / picture.width));
  const bool smaller = width < picture.width;
  const auto shown = [&](const data::Label& label) {
    return data::colorize(smaller ? data::resize_nearest(label, height, width) : label, classes.palette);
  };
  std::vector<data::Image> panels = {panel(smaller ? data::resize_bilinear(picture, height, width) : picture, "picture")};
  std::vector<const data::Label*> labels = {&prediction};
  std::string caption = "prediction";
  if (truth) {
    panels.push_back(panel(shown(*truth), "truth"));
    labels.push_back(&*truth);
    caption += score_of(*truth, prediction, classes);
  }
  panels.push_back(panel(shown(prediction), caption));
  const data::Image row = contact_sheet({panels}, 8);
  return contact_sheet({{row}, {contact_sheet({{legend(labels, classes, row.width - 16)}}, 8)}}, 0);
}

}  // namespace tessera::tools
