#include "data/class_detection.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <bitset>
#include <cctype>
#include <cmath>
#include <exception>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>
#include <utility>

#include "core/error.h"
#include "data/file.h"

namespace tessera::data {
namespace fs = std::filesystem;
namespace {

constexpr char kOperation[] = "detect_classes";
constexpr int64_t kLabelValues = 65536;  // what 16 bits hold
constexpr int64_t kMostClasses = 256;    // what a palette PNG, in which predictions are written, holds

using Values = std::bitset<kLabelValues>;

// --- dataset.json ------------------------------------------------------------------------------------------------------------

// Reads it, where there is one, into `classes`.
bool read_json(const fs::path& file, DetectedClasses& classes) {
  if (!fs::exists(file)) return false;
  const std::vector<uint8_t> bytes = read_file(kOperation, file);
  ClassInfo& info = classes.info;
  std::vector<int32_t>& values = classes.encoding.values;
  try {
    const auto json = nlohmann::json::parse(bytes);
    if (json.contains("classes")) info.names = json["classes"].get<std::vector<std::string>>();
    if (json.contains("palette")) info.palette = json["palette"].get<Palette>();
    if (json.contains("ignore_index")) info.ignore_index = json["ignore_index"].get<int64_t>();
    if (json.contains("mean")) info.mean = json["mean"].get<std::array<float, 3>>();
    if (json.contains("std")) info.std = json["std"].get<std::array<float, 3>>();
    if (json.contains("values")) values = json["values"].get<std::vector<int32_t>>();
  } catch (const nlohmann::json::exception& error) {
    file_error(kOperation, file, std::string("is no valid description of a data set: ") + error.what(),
               "It holds classes, palette, ignore_index, mean, std, values.");
  }
  for (float mean : info.mean)
    if (!std::isfinite(mean)) file_error(kOperation, file, fmt::format("has a mean of {}", mean), "It must be a number.");
  for (float deviation : info.std)
    if (!(deviation > 1e-6f && std::isfinite(deviation)))
      file_error(kOperation, file, fmt::format("has a std of {}", deviation), "It must be above 0.000001.");
  if (info.num_classes() > kMostClasses)
    file_error(kOperation, file, fmt::format("names {} classes", info.num_classes()),
               fmt::format("There may be {}.", kMostClasses));
  if (!values.empty() && !info.names.empty() && values.size() != info.names.size())
    file_error(kOperation, file, fmt::format("has {} values for {} classes", values.size(), info.names.size()),
               "Write the label value of each class.");
  if (std::set<int32_t>(values.begin(), values.end()).size() != values.size())
    file_error(kOperation, file, "has the same value for two classes", "Write the label value of each class.");
  return true;
}

void name_classes(ClassInfo& info, int64_t count) {
  if (info.num_classes() == count) return;
  info.names.clear();
  for (int64_t i = 0; i < count; ++i) info.names.push_back(fmt::format("class_{}", i));
  if (static_cast<int64_t>(info.palette.size()) < count) info.palette = voc_palette(static_cast<int>(count));
}

// --- The labels' values ------------------------------------------------------------------------------------------------------

// All label values of training and validation, read by as many threads as there are cores.
Values label_values(const DatasetFiles& files, const LabelEncoding& encoding) {
  std::vector<const Pair*> pairs;
  for (const auto& [split, list] : files.splits)
    if (split != "test")
      for (const Pair& pair : list.pairs) pairs.push_back(&pair);

  Values values;
  std::exception_ptr first_error;
  size_t errors = 0, first_failed = pairs.size();
  std::mutex mutex;  // guards the above
  std::atomic<size_t> next = 0;
  const auto work = [&] {
    Values own;
    for (size_t i; (i = next++) < pairs.size();) {
      try {
        for (const int32_t value : read_stored_label(pairs[i]->label, encoding).ids)
          if (value >= 0 && value < kLabelValues) own.set(value);
      } catch (...) {
        const std::lock_guard lock(mutex);
        ++errors;
        if (i < first_failed) first_failed = i, first_error = std::current_exception();
      }
    }
    const std::lock_guard lock(mutex);
    values |= own;
  };
  {
    std::vector<std::jthread> threads;
    for (unsigned i = 1; i < std::min<size_t>(std::thread::hardware_concurrency(), pairs.size()); ++i) threads.emplace_back(work);
    work();
  }
  if (errors > 0 && errors == pairs.size()) std::rethrow_exception(first_error);
  return values;
}

int64_t largest_but(const Values& values, int64_t ignored) {
  int64_t largest = kLabelValues - 1;
  while (largest > 0 && (!values[largest] || largest == ignored)) --largest;
  return largest;
}

bool path_names_camvid(const fs::path& root) {
  const fs::path whole = fs::absolute(root);
  return std::any_of(whole.begin(), whole.end(), [](const fs::path& part) {
    std::string name = part;
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
    return name == "camvid";
  });
}

// Rules 2 to 6: fills in `classes` and returns how it was found.
std::string classes_from_labels(const DatasetFiles& files, const ClassOptions& options, DetectedClasses& classes) {
  ClassInfo& info = classes.info;
  const bool any_count = !options.classes;
  const auto may_be = [&](int64_t count) { return options.classes.value_or(count) == count; };
  const bool camvid_by_name = files.format == "camvid" || path_names_camvid(files.root);
  const bool camvid = may_be(11) && (camvid_by_name || options.classes);
  const bool voc = may_be(21) && files.format == "voc";
  if (!any_count && !camvid && !voc && !may_be(2)) {
    name_classes(info, *options.classes);
    return "as given";
  }
  const Values values = label_values(files, classes.encoding);
  if (camvid && (values >> 12).none() && (camvid_by_name || values[11])) {
    info.names = camvid_class_names();
    info.palette = camvid_palette();
    info.ignore_index = 11;
    return fmt::format("CamVid, by {} and labels of 0 to 11", files.format == "camvid" ? "its format"
                                                              : camvid_by_name          ? "the folder's name"
                                                                                        : "its 11 classes");
  }
  if (voc && largest_but(values, 255) == 20) {
    info.names = voc_class_names();
    info.palette = voc_palette(21);
    return "Pascal VOC";
  }
  if (may_be(2) && options.ignore_index.value_or(255) == 255 && values.count() == 2 && values[0] && values[255]) {
    name_classes(info, 2);  // the ignore index stays 255: among class ids, which crops are padded with, it is free
    classes.encoding.values = {0, 255};
    return "black and white masks: 0 is class 0, 255 is class 1";
  }
  if (!any_count) {
    name_classes(info, *options.classes);
    return "as given";
  }
  const int64_t largest = largest_but(values, options.ignore_index.value_or(255));
  if (largest >= kMostClasses)
    file_error(kOperation, files.root,
               fmt::format("its labels hold values up to {}: there may be {} classes", largest, kMostClasses),
               fmt::format("Give --ignore-index {} if it marks void, or write the classes as 0, 1, 2, ...", largest));
  name_classes(info, largest + 1);
  return fmt::format("from the labels' values 0 to {}", largest);
}

}  // namespace

DetectedClasses detect_classes(const DatasetFiles& files, const ClassOptions& options) {
  check<ValueError>(!options.classes || (*options.classes >= 1 && *options.classes <= kMostClasses),
                    "detect_classes: {} classes. There must be 1 to {}.", options.classes.value_or(0), kMostClasses);
  DetectedClasses result;
  result.encoding.mat_variable = options.mat_variable;
  ClassInfo& info = result.info;
  std::string how;
  const bool described = read_json(files.root / "dataset.json", result);
  const size_t values = result.encoding.values.size();
  if (described && (!info.names.empty() || values > 0)) {
    how = "from dataset.json";
    if (options.classes || info.names.empty()) name_classes(info, options.classes.value_or(static_cast<int64_t>(values)));
    check<ValueError>(values == 0 || static_cast<int64_t>(values) == info.num_classes(),
                      "detect_classes: {} classes, but dataset.json has the label values of {}. Leave out --classes.",
                      info.num_classes(), values);
    if (info.palette.empty()) info.palette = voc_palette(static_cast<int>(info.num_classes()));
  } else {
    const ClassInfo json = info;
    how = classes_from_labels(files, options, result);
    if (described) {  // what it does say
      info.mean = json.mean, info.std = json.std;
      if (!json.palette.empty()) info.palette = json.palette;
      if (json.ignore_index != ClassInfo().ignore_index) info.ignore_index = json.ignore_index;
    }
  }
  if (options.ignore_index) info.ignore_index = *options.ignore_index;
  check<ValueError>(std::in_range<int32_t>(info.ignore_index), "detect_classes: ignore index {}. It must fit in 32 bits.",
                    info.ignore_index);
  result.explanation = fmt::format("{} classes, ignore index {} ({})", info.num_classes(), info.ignore_index, how);
  return result;
}

}  // namespace tessera::data
