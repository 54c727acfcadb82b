#include "data/file_pairs.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <sstream>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "data/file.h"

namespace tessera::data {
namespace fs = std::filesystem;
namespace {

constexpr char kOperation[] = "find_dataset";
constexpr std::array<std::string_view, 4> kImageEndings = {".jpg", ".jpeg", ".png", ".bmp"};
// With those that reading a label refuses, by name and with the remedy: passed over, they would be missing without a reason.
constexpr std::array<std::string_view, 8> kLabelEndings = {".png", ".mat", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff"};
constexpr std::array<std::string_view, 10> kMaskSuffixes = {"_mask",         "mask", "_masks", "_label", "_labels", "_gt",
                                                            "_segmentation", "_seg", "_L",     "_P"};

using ByStem = std::map<std::string, fs::path>;

// Two files of one stem are an error: which one is meant?
template <size_t n> ByStem files_by_stem(const fs::path& folder, const std::array<std::string_view, n>& endings) {
  if (!fs::is_directory(folder)) file_error(kOperation, folder, "there is no such folder", "Check --data.");
  ByStem files;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const fs::path& path = entry.path();
    if (path.filename().native().starts_with('.') || !entry.is_regular_file()) continue;
    if (std::find(endings.begin(), endings.end(), lower_extension(path)) == endings.end()) continue;
    const auto [at, is_new] = files.emplace(path.stem(), path);
    if (!is_new) file_error(kOperation, path, "has the same stem as " + at->second.filename().string(), "Keep one of the two.");
  }
  return files;
}

// Labels by the stem of the picture that they belong to: the suffix is taken off where a picture of the shorter stem exists, or,
// so that a label without picture is named as that, where it was given.
ByStem without_suffix(const ByStem& labels, const ByStem& images, const std::optional<std::string>& mask_suffix) {
  ByStem result;
  const auto add = [&](const std::string& stem, const fs::path& label) {
    const auto [at, is_new] = result.emplace(stem, label);
    if (!is_new)
      file_error(kOperation, label, fmt::format("belongs to {} as {} does", stem, at->second.filename().string()),
                 "Keep one of the two, or name the suffix of labels with --mask-suffix.");
  };
  for (const auto& [stem, label] : labels) {
    if (mask_suffix) {
      const bool has = stem.ends_with(*mask_suffix);
      if (has) add(stem.substr(0, stem.size() - mask_suffix->size()), label);
      continue;
    }
    const auto suffix = std::find_if(kMaskSuffixes.begin(), kMaskSuffixes.end(), [&](std::string_view ending) {
      return stem.ends_with(ending) && images.contains(stem.substr(0, stem.size() - ending.size()));
    });
    const bool plain = images.contains(stem) || suffix == kMaskSuffixes.end();
    add(plain ? stem : stem.substr(0, stem.size() - suffix->size()), label);
  }
  return result;
}

// A path of a list: from the list's folder, or absolute, or, where neither exists, with its first folders left off one by one.
std::optional<fs::path> resolve(const fs::path& folder, const fs::path& written) {
  if (fs::exists(folder / written)) return folder / written;  // an absolute path stays itself
  fs::path rest = written.relative_path();
  while (!rest.empty()) {
    if (fs::exists(folder / rest)) return folder / rest;
    fs::path shorter;
    for (auto part = std::next(rest.begin()); part != rest.end(); ++part) shorter /= *part;
    rest = shorter;
  }
  return std::nullopt;
}

}  // namespace

SplitFiles pairs_by_stem(const fs::path& images, const fs::path& labels, const std::optional<std::string>& mask_suffix) {
  const ByStem pictures = files_by_stem(images, kImageEndings);
  ByStem maps = without_suffix(files_by_stem(labels, kLabelEndings), pictures, mask_suffix);
  SplitFiles files;
  for (const auto& [stem, image] : pictures) {
    const auto label = maps.find(stem);
    if (label == maps.end()) {
      files.images_without_label.push_back(image);
      continue;
    }
    files.pairs.push_back({stem, image, label->second});
    maps.erase(label);
  }
  for (const auto& [stem, label] : maps) files.labels_without_image.push_back(label);
  return files;
}

std::vector<ListLine> read_list(const fs::path& list) {
  const std::vector<uint8_t> bytes = read_file(kOperation, list);
  std::string text(bytes.begin(), bytes.end());
  if (text.starts_with("\xEF\xBB\xBF")) text.erase(0, 3);  // the mark that Windows programs write
  std::istringstream stream(text);
  std::vector<ListLine> lines;
  std::string line;
  for (int number = 1; std::getline(stream, line); ++number) {
    std::istringstream words(line);
    ListLine parsed{number, {}};
    for (std::string word; words >> word;) parsed.words.push_back(word);
    if (!parsed.words.empty() && !parsed.words.front().starts_with('#')) lines.push_back(std::move(parsed));
  }
  return lines;
}

SplitFiles pairs_of_list(const SplitFiles& all, const fs::path& list) {
  std::map<std::string, const Pair*> by_name;
  std::map<std::string, fs::path> lone_images, lone_labels;
  for (const Pair& pair : all.pairs) by_name[pair.name] = &pair;
  for (const fs::path& image : all.images_without_label) lone_images[image.stem()] = image;
  for (const fs::path& label : all.labels_without_image) lone_labels[label.stem()] = label;
  SplitFiles files;
  std::set<std::string> seen;
  for (const ListLine& line : read_list(list)) {
    std::string name = line.words.front();
    if (!by_name.contains(name)) name = fs::path(name).stem();  // some lists have a.jpg
    if (!seen.insert(name).second) continue;
    if (const auto pair = by_name.find(name); pair != by_name.end()) files.pairs.push_back(*pair->second);
    else if (lone_images.contains(name)) files.images_without_label.push_back(lone_images[name]);
    else if (lone_labels.contains(name)) files.labels_without_image.push_back(lone_labels[name]);
    else
      file_error(kOperation, list, fmt::format("line {} names {}, of which there is neither picture nor label", line.number, name),
                 "Add the files, or take the line out.");
  }
  return files;
}

SplitFiles pairs_of_lines(const fs::path& list) {
  const fs::path folder = list.parent_path();
  SplitFiles files;
  for (const ListLine& line : read_list(list)) {
    if (line.words.size() != 2)
      file_error(kOperation, list, fmt::format("line {} has {} words", line.number, line.words.size()),
                 "Write the path of a picture and that of its label, with a space between them and none in them.");
    const std::optional<fs::path> image = resolve(folder, line.words[0]), label = resolve(folder, line.words[1]);
    if (!image && !label)
      file_error(kOperation, list, fmt::format("line {} names {}, which does not exist", line.number, line.words[0]),
                 "Paths start at the list's folder.");
    if (image && label) files.pairs.push_back({image->stem(), *image, *label});
    else if (image) files.images_without_label.push_back(*image);
    else files.labels_without_image.push_back(*label);
  }
  return files;
}

}  // namespace tessera::data
