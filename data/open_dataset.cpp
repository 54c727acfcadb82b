#include "data/open_dataset.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <utility>

#include "core/error.h"
#include "data/file.h"
#include "data/picture_header.h"

namespace tessera::data {
namespace fs = std::filesystem;
namespace {

constexpr char kOperation[] = "open_dataset";

[[noreturn]] void missing_error(const fs::path& file, const char* other, size_t count) {
  file_error(kOperation, file, fmt::format("has no {} of the same stem ({} such files)", other, count),
             "Add the missing files, remove these, or leave them out with --skip-bad.");
}

void leave_out_unpaired(SplitFiles& list, std::vector<std::string>& left_out) {
  for (const fs::path& image : list.images_without_label) left_out.push_back(image.string() + ": has no label");
  for (const fs::path& label : list.labels_without_image) left_out.push_back(label.string() + ": has no picture");
  list.images_without_label.clear();
  list.labels_without_image.clear();
}

// Reads every pair, by as many threads as there are cores, and keeps those that can be read.
void leave_out_unreadable(SplitFiles& list, const OpenedDataset& opened, std::vector<std::string>& left_out) {
  std::vector<std::string> errors(list.pairs.size());
  std::atomic<size_t> next = 0;
  const auto work = [&] {
    for (size_t i; (i = next++) < list.pairs.size();) {
      try {
        read_pair(list.pairs[i], opened.classes, opened.encoding);
      } catch (const Error& error) {
        errors[i] = error.what();
      }
    }
  };
  {
    std::vector<std::jthread> threads;
    for (unsigned i = 1; i < std::thread::hardware_concurrency(); ++i) threads.emplace_back(work);
    work();
  }
  std::vector<Pair> good;
  for (size_t i = 0; i < errors.size(); ++i) {
    if (errors[i].empty()) good.push_back(std::move(list.pairs[i]));
    else left_out.push_back(std::move(errors[i]));
  }
  list.pairs = std::move(good);
}

}  // namespace

std::shared_ptr<PairDataset> OpenedDataset::split(const std::string& name) const {
  const auto found = files.splits.find(name);
  if (found == files.splits.end()) {
    std::vector<std::string> names;
    for (const auto& [split, list] : files.splits) names.push_back(split);
    throw ValueError(fmt::format("{}: there is no split {}. It has {}.", files.root.string(), name, fmt::join(names, ", ")));
  }
  return std::make_shared<PairDataset>(found->second.pairs, classes, encoding);
}

void OpenedDataset::leave_out_smaller(const std::string& split, int height, int width) {
  std::vector<Pair>& pairs = files.splits.at(split).pairs;
  const size_t before = pairs.size();
  std::erase_if(pairs, [&](const Pair& pair) {
    const PictureHeader header = read_picture_header(read_file(kOperation, pair.image));
    return header.height > 0 && (header.height < height || header.width < width);  // reading reports those without a size
  });
  if (pairs.empty())
    file_error(kOperation, files.root, fmt::format("all {} pictures of {} are smaller than {}x{}", before, split, height, width),
               "Choose a smaller --crop.");
  if (pairs.size() < before)
    explanation += fmt::format("; {} pictures smaller than {}x{} left out of {}", before - pairs.size(), height, width, split);
}

OpenedDataset open_dataset(const fs::path& root, const OpenOptions& options) {
  OpenedDataset opened;
  opened.files = find_dataset(root, options.files);
  for (auto& [split, list] : opened.files.splits) {
    if (options.skip_bad) leave_out_unpaired(list, opened.left_out);
    if (split == "test") continue;  // labels of test pictures are often kept back
    if (!list.images_without_label.empty())
      missing_error(list.images_without_label.front(), "label", list.images_without_label.size());
    if (!list.labels_without_image.empty())
      missing_error(list.labels_without_image.front(), "picture", list.labels_without_image.size());
  }
  DetectedClasses detected = detect_classes(opened.files, options.classes);
  opened.classes = std::move(detected.info);
  opened.encoding = std::move(detected.encoding);
  if (options.skip_bad)
    for (auto& [split, list] : opened.files.splits) leave_out_unreadable(list, opened, opened.left_out);
  for (const auto& [split, list] : opened.files.splits)
    if (list.pairs.empty() && split != "test")
      file_error(kOperation, root, "its split " + split + " holds no pair of picture and label that can be read",
                 opened.left_out.empty() ? "Add some." : "The first one left out: " + opened.left_out.front());
  std::erase_if(opened.files.splits, [](const auto& split) { return split.second.pairs.empty(); });
  opened.explanation = fmt::format("{}; {}", opened.files.explanation, detected.explanation);
  if (!opened.left_out.empty()) opened.explanation += fmt::format("; {} left out", opened.left_out.size());
  return opened;
}

}  // namespace tessera::data
