#include "data/pair_dataset.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <unordered_map>
#include <utility>

#include "core/error.h"
#include "data/file.h"
#include "data/mat.h"

namespace tessera::data {
namespace fs = std::filesystem;
namespace {

constexpr char kOperation[] = "read_pair";

// Each pixel of a compressed picture as the nearest of the values that it was drawn in.
Label nearest_values(const Image& image, const std::vector<int32_t>& values) {
  Label label(image.height, image.width);
  for (size_t i = 0; i < label.ids.size(); ++i) {
    const int32_t stored = image.pixels[3 * i + 1];
    const auto distance = [&](int32_t value) { return std::abs(value - stored); };
    label.ids[i] = *std::min_element(values.begin(), values.end(),
                                     [&](int32_t a, int32_t b) { return distance(a) < distance(b); });
  }
  return label;
}

// The value of the first pixel that is neither a class nor ignored; negative values other than the ignore index are none.
[[noreturn]] void value_error(const Pair& pair, const Label& label, size_t pixel, const ClassInfo& classes,
                              const LabelEncoding& encoding) {
  const int32_t value = label.ids[pixel];
  const std::string where = fmt::format("holds the value {} at row {}, column {}, but ", value, pixel / label.width,
                                        pixel % label.width);
  if (!encoding.values.empty())
    file_error(kOperation, pair.label,
               where + fmt::format("its classes are stored as {} and the ignore index is {}", fmt::join(encoding.values, ", "),
                                   classes.ignore_index),
               fmt::format("Give --ignore-index {} if it marks void, or add it to \"values\" in dataset.json.", value));
  file_error(kOperation, pair.label,
             where + fmt::format("there are {} classes (0 to {}) and the ignore index is {}", classes.num_classes(),
                                 classes.num_classes() - 1, classes.ignore_index),
             fmt::format("Give --classes {} or more, or --ignore-index {} if it marks void.", value + 1, value));
}

void to_class_ids(const Pair& pair, Label& label, const ClassInfo& classes, const LabelEncoding& encoding) {
  const int64_t count = classes.num_classes();
  const auto ignored = static_cast<int32_t>(classes.ignore_index);
  if (encoding.values.empty()) {
    for (size_t i = 0; i < label.ids.size(); ++i) {
      const int32_t id = label.ids[i];
      if ((id < 0 || id >= count) && id != ignored) value_error(pair, label, i, classes, encoding);
    }
    return;
  }
  std::unordered_map<int32_t, int32_t> ids = {{ignored, ignored}};
  for (size_t i = 0; i < encoding.values.size(); ++i) ids[encoding.values[i]] = static_cast<int32_t>(i);
  for (size_t i = 0; i < label.ids.size(); ++i) {
    const auto id = ids.find(label.ids[i]);
    if (id == ids.end()) value_error(pair, label, i, classes, encoding);
    label.ids[i] = id->second;
  }
}

}  // namespace

Label read_stored_label(const fs::path& file, const LabelEncoding& encoding) {
  const std::string extension = lower_extension(file);
  if (extension == ".mat") return read_mat_label(file, encoding.mat_variable);
  if (extension != ".jpg" && extension != ".jpeg") return read_label(file);
  if (encoding.values.empty())
    file_error("read_label", file, "is a JPEG, whose compression changes class ids",
               "Save labels as PNG, or list the values that the classes were drawn in as \"values\" in dataset.json.");
  return nearest_values(read_image(file), encoding.values);
}

Sample read_pair(const Pair& pair, const ClassInfo& classes, const LabelEncoding& encoding) {
  Sample sample{read_image(pair.image), read_stored_label(pair.label, encoding), pair.name};
  const Image& image = sample.image;
  const Label& label = sample.label;
  if (image.height != label.height || image.width != label.width)
    file_error(kOperation, pair.label,
               fmt::format("is {}x{} pixels, but its image {} is {}x{}", label.width, label.height,
                           pair.image.filename().string(), image.width, image.height),
               "Scale the label to the image's size (nearest neighbour), or replace the wrong one.");
  to_class_ids(pair, sample.label, classes, encoding);
  return sample;
}

PairDataset::PairDataset(std::vector<Pair> pairs, ClassInfo classes, LabelEncoding encoding)
    : pairs_(std::move(pairs)), encoding_(std::move(encoding)) {
  classes_ = std::move(classes);
  check<ValueError>(encoding_.values.empty() || static_cast<int64_t>(encoding_.values.size()) == classes_.num_classes(),
                    "PairDataset: {} stored values for {} classes. There must be one a class.", encoding_.values.size(),
                    classes_.num_classes());
}

Sample PairDataset::read(int64_t index) const {
  check<IndexError>(index >= 0 && index < size(), "PairDataset: index {} of {} pairs.", index, size());
  return read_pair(pairs_[index], classes_, encoding_);
}

}  // namespace tessera::data
