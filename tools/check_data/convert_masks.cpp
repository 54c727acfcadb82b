#include "tools/check_data/convert_masks.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <set>
#include <unordered_map>

#include "core/error.h"
#include "data/file.h"
#include "data/image.h"
#include "tools/command.h"

namespace tessera::tools {
namespace fs = std::filesystem;
namespace {

constexpr int32_t kIgnored = 255;

int32_t key_of(const data::Color& color) { return color[0] << 16 | color[1] << 8 | color[2]; }
data::Color color_of(int32_t key) {
  return {static_cast<uint8_t>(key >> 16), static_cast<uint8_t>(key >> 8), static_cast<uint8_t>(key)};
}

// The colours of a known data set, in its order, if all of `keys` are of it; `void_color` becomes ignored.
bool take_known(Conversion& plan, const std::vector<int32_t>& keys, const data::Palette& palette,
                const std::vector<std::string>& names, int32_t void_color) {
  std::set<int32_t> known = {void_color};
  for (size_t i = 0; i < names.size(); ++i) known.insert(key_of(palette[i]));
  // Black alone, or black and one colour, are any data set's.
  if (keys.size() < 4 || !std::all_of(keys.begin(), keys.end(), [&](int32_t key) { return known.contains(key); })) return false;
  for (size_t i = 0; i < names.size(); ++i) plan.keys.push_back(key_of(palette[i]));
  plan.names = names;
  plan.ignored = {void_color};
  return true;
}

Conversion plan_colors(const Examination& e) {
  Conversion plan;
  plan.colors = true;
  std::vector<std::pair<int32_t, int64_t>> areas;
  for (const auto& [color, count] : e.colors())
    if (!is_speckle(count)) areas.emplace_back(static_cast<int32_t>(color), count.pixels);
  check<ValueError>(!areas.empty() && areas.size() <= 256 && !e.colors().empty(),
                    "check-data: --convert: the masks have {} colours, as photographs have. They must be of at most 255.",
                    areas.size());
  std::stable_sort(areas.begin(), areas.end(), [](const auto& a, const auto& b) {
    return std::pair(a.first != 0, -a.second) < std::pair(b.first != 0, -b.second);
  });
  std::vector<int32_t> keys;
  for (const auto& [key, pixels] : areas) keys.push_back(key);
  if (e.expected.given && e.expected.palette.size() >= e.expected.names.size() && !e.expected.names.empty()) {
    plan.names = e.expected.names;
    for (size_t i = 0; i < plan.names.size(); ++i) plan.keys.push_back(key_of(e.expected.palette[i]));
  } else if (!take_known(plan, keys, data::voc_palette(), data::voc_class_names(), key_of(data::voc_palette()[255])) &&
             !take_known(plan, keys, data::camvid_palette(), data::camvid_class_names(), 0)) {
    plan.keys = keys;
    for (int32_t key : keys) plan.names.push_back(key == 0 ? "background" : fmt::format("color_{:06x}", key));
  }
  for (int32_t key : plan.keys) plan.palette.push_back(color_of(key));
  return plan;
}

Conversion plan_values(const Examination& e) {
  const ClassTable table = class_table(e);
  Conversion plan;
  plan.names = table.names;
  for (int64_t value : table.values) plan.keys.push_back(static_cast<int32_t>(value));
  plan.palette = data::voc_palette(static_cast<int>(std::clamp<size_t>(plan.keys.size(), 1, 256)));
  const auto ignored = static_cast<int32_t>(e.expected.ignore_index);
  if (e.values().contains(ignored)) plan.ignored = {ignored};
  return plan;
}

class Nearest {
 public:
  explicit Nearest(const Conversion& plan) : plan_(plan) {}

  int32_t operator()(int32_t key) {
    const auto [at, is_new] = known_.try_emplace(key, 0);
    if (!is_new) return at->second;
    int64_t best = std::numeric_limits<int64_t>::max();
    const auto look = [&](int32_t other, int32_t id) {
      if (const int64_t between = distance(key, other); between < best) {
        best = between;
        at->second = id;
      }
    };
    for (size_t i = 0; i < plan_.keys.size(); ++i) look(plan_.keys[i], static_cast<int32_t>(i));
    for (int32_t ignored : plan_.ignored) look(ignored, kIgnored);
    return at->second;
  }

 private:
  int64_t distance(int32_t a, int32_t b) const {
    if (!plan_.colors) return std::abs(int64_t{a} - b);
    int64_t sum = 0;
    for (int shift : {0, 8, 16}) {
      const int64_t d = (a >> shift & 0xFF) - (b >> shift & 0xFF);
      sum += d * d;
    }
    return sum;
  }
  const Conversion& plan_;
  std::unordered_map<int32_t, int32_t> known_;
};

}  // namespace

Conversion plan_conversion(const Examination& examination) {
  Conversion plan = examination.colors().empty() ? plan_values(examination) : plan_colors(examination);
  check<ValueError>(!plan.keys.empty() && plan.keys.size() <= 255, "check-data: --convert: {} classes. It writes 1 to 255.",
                    plan.keys.size());
  return plan;
}

int64_t convert_masks(const Examination& e, const Conversion& plan, const std::string& out,
                      const std::function<void(int64_t)>& progress) {
  make_folder("check-data", out);
  check<FileError>(fs::is_empty(out), "check-data: --convert: {}: the folder is not empty. Name a new one.", out);
  int64_t written = 0;
  Nearest nearest(plan);
  for (const SplitExamination& split : e.splits) {
    const fs::path images = fs::path(out) / split.name / "images", labels = fs::path(out) / split.name / "labels";
    make_folder("check-data", images.string());
    make_folder("check-data", labels.string());
    for (size_t i = 0; i < split.files.pairs.size(); ++i) {
      const data::Pair& pair = split.files.pairs[i];
      if (progress) progress(1);
      if (!split.survey.pairs[i].mask.read || !split.survey.pairs[i].image.read) continue;
      data::PictureHeader header;
      const MaskPixels mask = read_mask_pixels(pair.label, {}, header);
      data::Label label(static_cast<int>(mask.height), static_cast<int>(mask.width));
      for (size_t k = 0; k < mask.values.size(); ++k) {
        int32_t key = mask.values[k];
        if (plan.colors && !mask.colors) key = key << 16 | key << 8 | key;  // a grey mask among coloured ones
        if (!plan.colors && mask.colors) key &= 0xFF;                       // grey in three channels
        label.ids[k] = nearest(key);
      }
      data::Palette palette = plan.palette;
      palette.resize(256, data::Color{224, 224, 192});
      const std::string stem = fs::path(pair.name).filename();
      data::write_indexed_png(labels / (stem + ".png"), label, palette);
      std::error_code error;
      fs::create_symlink(fs::absolute(pair.image), images / (stem + pair.image.extension().string()), error);
      if (error) fs::copy_file(pair.image, images / (stem + pair.image.extension().string()));
      ++written;
    }
  }
  ClassTable table;
  table.names = plan.names;
  for (size_t i = 0; i < plan.keys.size(); ++i) table.values.push_back(static_cast<int64_t>(i));
  const std::string json = dataset_json(table, plan.palette, kIgnored) + "\n";
  data::write_file("check-data", fs::path(out) / "dataset.json",
                   std::span(reinterpret_cast<const uint8_t*>(json.data()), json.size()));
  return written;
}

}  // namespace tessera::tools
