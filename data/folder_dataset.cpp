#include "data/folder_dataset.h"

#include <fmt/format.h>

#include <algorithm>
#include <bitset>
#include <cctype>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/error.h"
#include "data/file.h"

namespace tessera::data {
namespace fs = std::filesystem;
namespace {

constexpr char kOperation[] = "FolderDataset";
constexpr int64_t kLabelValues = 65536;  // what 16 bits hold
constexpr int64_t kMostClasses = 256;    // what a palette PNG, in which predictions are written, holds

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

// The files of a folder by stem. Two files of one stem are an error: which one is meant?
std::map<std::string, fs::path> files_by_stem(const fs::path& folder, std::initializer_list<std::string_view> extensions,
                                              std::string_view suffix) {
  if (!fs::is_directory(folder))
    file_error(kOperation, folder, "there is no such folder", "A data set is DIR/{train,val}/{images,labels}: check --data.");
  std::map<std::string, fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const fs::path& path = entry.path();
    if (path.filename().native().starts_with('.') || !entry.is_regular_file()) continue;
    if (std::find(extensions.begin(), extensions.end(), lower(path.extension())) == extensions.end()) continue;
    std::string stem = path.stem();
    if (!suffix.empty() && stem.ends_with(suffix)) stem.resize(stem.size() - suffix.size());
    const auto [at, is_new] = files.emplace(stem, path);
    if (!is_new) file_error(kOperation, path, "has the same stem as " + at->second.filename().string(), "Keep one of the two.");
  }
  return files;
}

std::vector<FolderDataset::Pair> find_pairs(const fs::path& root, Split split) {
  const fs::path folder = root / to_string(split);
  const auto images = files_by_stem(folder / "images", {".jpg", ".jpeg", ".png", ".bmp"}, "");
  auto labels = files_by_stem(folder / "labels", {".png"}, "_mask");
  const auto missing_error = [](const fs::path& file, const char* other, const fs::path& where, size_t count) {
    file_error(kOperation, file, fmt::format("has no {} of the same stem in {} ({} such files)", other, where.string(), count),
               "Add the missing files or remove these; labels are PNG files.");
  };

  std::vector<FolderDataset::Pair> pairs;
  std::vector<fs::path> unmatched;
  for (const auto& [stem, image] : images) {
    const auto label = labels.find(stem);
    if (label == labels.end()) {
      unmatched.push_back(image);
      continue;
    }
    pairs.push_back({stem, image, label->second});
    labels.erase(label);
  }
  if (!unmatched.empty()) missing_error(unmatched.front(), "label", folder / "labels", unmatched.size());
  if (!labels.empty()) missing_error(labels.begin()->second, "image", folder / "images", labels.size());
  if (pairs.empty()) file_error(kOperation, folder, "holds no pair of image and label", "Put files in its images and labels.");
  return pairs;
}

// Reads dataset.json, where there is one, into `info`.
bool read_json(const fs::path& file, ClassInfo& info) {
  if (!fs::exists(file)) return false;
  const std::vector<uint8_t> bytes = read_file(kOperation, file);
  try {
    const auto json = nlohmann::json::parse(bytes);
    if (json.contains("classes")) info.names = json["classes"].get<std::vector<std::string>>();
    if (json.contains("palette")) info.palette = json["palette"].get<Palette>();
    if (json.contains("ignore_index")) info.ignore_index = json["ignore_index"].get<int64_t>();
    if (json.contains("mean")) info.mean = json["mean"].get<std::array<float, 3>>();
    if (json.contains("std")) info.std = json["std"].get<std::array<float, 3>>();
  } catch (const nlohmann::json::exception& error) {
    file_error(kOperation, file, std::string("is no valid description of a data set: ") + error.what(),
               "It holds classes, palette, ignore_index, mean, std.");
  }
  for (float mean : info.mean)
    if (!std::isfinite(mean)) file_error(kOperation, file, fmt::format("has a mean of {}", mean), "It must be a number.");
  for (float deviation : info.std)
    if (!(deviation > 1e-6f && std::isfinite(deviation)))
      file_error(kOperation, file, fmt::format("has a std of {}", deviation), "It must be above 0.000001.");
  if (info.num_classes() > kMostClasses)
    file_error(kOperation, file, fmt::format("names {} classes", info.num_classes()),
               fmt::format("There may be {}.", kMostClasses));
  if (info.names.empty()) file_error(kOperation, file, "names no classes", "Add a list of names as \"classes\".");
  return true;
}

std::bitset<kLabelValues> label_values(const fs::path& root) {
  std::bitset<kLabelValues> values;
  for (Split split : {Split::train, Split::val}) {
    if (split == Split::val && !fs::is_directory(root / "val")) continue;
    for (const FolderDataset::Pair& pair : find_pairs(root, split))
      for (int32_t id : read_label(pair.label).ids) values.set(id);
  }
  return values;
}

void name_classes(ClassInfo& info, int64_t count) {
  if (info.num_classes() == count) return;
  info.names.clear();
  for (int64_t i = 0; i < count; ++i) info.names.push_back(fmt::format("class_{}", i));
  info.palette = voc_palette(static_cast<int>(count));
}

bool path_names_camvid(const fs::path& root) {
  const fs::path whole = fs::absolute(root);
  return std::any_of(whole.begin(), whole.end(), [](const fs::path& part) { return lower(part) == "camvid"; });
}

}  // namespace

DetectedClasses detect_classes(const fs::path& root, const ClassOptions& options) {
  check<ValueError>(!options.classes || (*options.classes >= 1 && *options.classes <= kMostClasses),
                    "detect_classes: {} classes. There must be 1 to {}.", options.classes.value_or(0), kMostClasses);
  DetectedClasses result;
  ClassInfo& info = result.info;
  std::string how;
  if (read_json(root / "dataset.json", info)) {
    how = "from dataset.json";
    if (options.classes) name_classes(info, *options.classes);
  } else {
    const bool camvid_by_path = path_names_camvid(root);
    const bool may_be_camvid = options.classes.value_or(11) == 11 && (camvid_by_path || options.classes);
    std::bitset<kLabelValues> values;
    if (may_be_camvid || !options.classes) values = label_values(root);
    if (may_be_camvid && (values >> 12).none()) {
      info.names = camvid_class_names();
      info.palette = camvid_palette();
      info.ignore_index = 11;
      how = fmt::format("CamVid, by {} and labels of 0 to 11", camvid_by_path ? "the folder's name" : "its 11 classes");
    } else if (options.classes) {
      name_classes(info, *options.classes);
      how = "as given";
    } else {
      const int64_t ignored = options.ignore_index.value_or(255);
      if (ignored == 255 && values.count() == 2 && values[0] && values[255])
        file_error("detect_classes", root, "its labels hold 0 and 255 alone",
                   "Give --classes 2 if 255 marks void; if it marks a class, write it as 1.");
      if (ignored >= 0 && ignored < kLabelValues) values.reset(ignored);
      int64_t largest = kLabelValues - 1;
      while (largest > 0 && !values[largest]) --largest;
      if (largest >= kMostClasses)
        file_error("detect_classes", root,
                   fmt::format("its labels hold values up to {}: there may be {} classes", largest, kMostClasses),
                   fmt::format("Give --ignore-index {} if it marks void, or write the classes as 0, 1, 2, ...", largest));
      name_classes(info, largest + 1);
      how = fmt::format("from the labels' values 0 to {}", largest);
    }
  }
  if (options.ignore_index) info.ignore_index = *options.ignore_index;
  check<ValueError>(std::in_range<int32_t>(info.ignore_index), "detect_classes: ignore index {}. It must fit in 32 bits.",
                    info.ignore_index);
  result.explanation = fmt::format("{} classes, ignore index {} ({})", info.num_classes(), info.ignore_index, how);
  return result;
}

FolderDataset::FolderDataset(const fs::path& root, Split split, ClassInfo classes) : pairs_(find_pairs(root, split)) {
  classes_ = std::move(classes);
}

Sample FolderDataset::read(int64_t index) const {
  check<IndexError>(index >= 0 && index < size(), "FolderDataset: index {} of {} pairs.", index, size());
  return read_pair(pairs_[index], classes_);
}

Sample read_pair(const FolderDataset::Pair& pair, const ClassInfo& classes) {
  Sample sample{read_image(pair.image), read_label(pair.label), pair.name};
  const Image& image = sample.image;
  const Label& label = sample.label;
  if (image.height != label.height || image.width != label.width)
    file_error(kOperation, pair.label,
               fmt::format("is {}x{} pixels, but its image {} is {}x{}", label.width, label.height,
                           pair.image.filename().string(), image.width, image.height),
               "Scale the label to the image's size (nearest neighbour), or replace the wrong one.");
  for (size_t i = 0; i < label.ids.size(); ++i) {
    const int32_t id = label.ids[i];
    if (id >= classes.num_classes() && id != classes.ignore_index)
      file_error(kOperation, pair.label,
                 fmt::format(
                     "holds the value {} at row {}, column {}, but there are {} classes (0 to {}) and the ignore index is {}", id,
                     i / label.width, i % label.width, classes.num_classes(), classes.num_classes() - 1, classes.ignore_index),
                 fmt::format("Give --classes {} or more, or --ignore-index {} if it marks void.", id + 1, id));
  }
  return sample;
}

}  // namespace tessera::data
